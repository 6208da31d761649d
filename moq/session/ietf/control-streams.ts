import { PRIORITY_CONTROL, type SendStream } from "../../link.ts";
import { type Allowance, ProtocolViolation, READ } from "../../wire/codec/index.ts";
import { encodePaddingDatagram, type Goaway, type Message, MessageReader, type Setup } from "../../wire/ietf/index.ts";
import type { IetfContext } from "./context.ts";
import { fromPeer, send } from "./stream-context.ts";

/** Name in MOQT_IMPLEMENTATION. Without a version, which would tell strangers what to look for. */
const IMPLEMENTATION = "moqmesh";

/** Milliseconds that we say we wait after GOAWAY: no fixed time, because the operator decides. */
const GOAWAY_TIMEOUT_MS = 0;

/** Bytes of tokens that a peer may register: several of the longest that fit into a URL. */
export const TOKEN_CACHE_BYTES = 16 * 1024;

/** Milliseconds between the end of a control stream and that of its connection: some peers end their streams first. */
const CLOSING_MS = 1_000;

export interface ControlEvents {
  /** The peer is leaving, or sends us elsewhere. */
  goaway(message: Goaway): void;
}

/** The pair of control streams: SETUP and GOAWAY, each way (Session initialization). */
export class ControlStreams {
  readonly #context: IetfContext;
  readonly #on: ControlEvents;
  #stream: SendStream | undefined;
  #reader: MessageReader | undefined;
  #setup: Setup | undefined;
  #draining = false;
  #cancelTimer: () => void = () => {};

  constructor(context: IetfContext, on: ControlEvents) {
    this.#context = context;
    this.#on = on;
  }

  /** We have sent GOAWAY. */
  get draining(): boolean {
    return this.#draining;
  }

  /** What the peer can do, once it has said so. */
  get setup(): Setup | undefined {
    return this.#setup;
  }

  /** Opens ours, and waits for that of the peer. */
  open(): void {
    const { session } = this.#context;
    const { link, deps } = session;
    this.#stream = link.openUni(PRIORITY_CONTROL, { stop: () => this.lost() });
    if (this.#stream === undefined) {
      session.end("protocol", "moq-transport Session initialization: the peer allows no control stream");
      return;
    }
    send(
      this.#stream,
      {
        kind: "setup",
        tokens: [],
        maxAuthTokenCacheSize: TOKEN_CACHE_BYTES,
        implementation: IMPLEMENTATION,
        ...this.#target(),
      },
      this.#context,
    );
    this.#cancelTimer = deps.clock.timer(deps.limits.headerTimeoutMs, () => {
      if (this.#setup === undefined) session.end("timeout", "the peer sent no SETUP in time");
    });
  }

  /** The peer opened a control stream. */
  received(): void {
    if (this.#reader !== undefined) throw new ProtocolViolation("Session initialization", "second control stream");
    this.#reader = MessageReader.control(fromPeer(this.#context));
  }

  push(bytes: Uint8Array, allowance: Allowance): Uint8Array {
    return this.#reader?.push(bytes, (message) => this.#message(message), allowance) ?? READ;
  }

  finish(): void {
    this.lost();
  }

  /** A control stream has ended, which is a violation unless the whole session ends now. */
  lost(): void {
    const { session } = this.#context;
    this.#cancelTimer();
    this.#cancelTimer = session.deps.clock.timer(CLOSING_MS, () =>
      session.guard(() => {
        throw new ProtocolViolation("Session initialization", "a control stream ended before the session");
      }),
    );
  }

  /** A padding datagram, which the peer acknowledges and ignores. */
  probe(): void {
    const padding = encodePaddingDatagram(this.#context.caps);
    if (padding !== undefined) this.#context.session.link.sendDatagram(padding);
  }

  /** Asks the peer to leave. False when it was asked already. */
  goaway(uri: string): boolean {
    const { session, side, ids } = this.#context;
    if (session.over || this.#draining || this.#stream === undefined) return false;
    this.#draining = true;
    // A client cannot tell a server to connect elsewhere.
    const target = side === "client" ? "" : uri;
    send(
      this.#stream,
      { kind: "goaway", uri: target, timeout: GOAWAY_TIMEOUT_MS, requestId: ids.unused },
      this.#context,
    );
    return true;
  }

  /** The session is over. */
  close(): void {
    this.#cancelTimer();
  }

  #message(message: Message): void {
    if (message.kind === "goaway") this.#on.goaway(message);
    else if (message.kind === "setup") {
      this.#setup = message;
      this.#context.tokens.resolveSetup(message.tokens);
      this.#cancelTimer();
    }
  }

  /** Where there is no URI, the client says here what it asks for (PATH, AUTHORITY). */
  #target(): Pick<Setup, "path" | "authority"> {
    const { binding, dialled, path, query, authority } = this.#context.session.link.info;
    if (!dialled || binding !== "quic") return {};
    return { path: query === "" ? path : `${path}?${query}`, ...(authority === "" ? {} : { authority }) };
  }
}
