import { PRIORITY_CONTROL, type SendStream } from "../../link.ts";
import { type Allowance, ProtocolViolation, READ } from "../../wire/codec/index.ts";
import {
  encodeMessage,
  encodePaddingDatagram,
  FILTER_RANGES,
  type Goaway,
  type Message,
  MessageReader,
  type Setup,
} from "../../wire/ietf/index.ts";
import type { IetfContext } from "./context.ts";
import { fromPeer } from "./stream-context.ts";

/** Name in MOQT_IMPLEMENTATION. Without a version, which would tell strangers what to look for. */
const IMPLEMENTATION = "moqmesh";

/** Milliseconds that we say we wait after GOAWAY: no fixed time, because the operator decides. */
const GOAWAY_TIMEOUT_MS = 0;

/** Bytes of tokens that a peer may register: several of the longest that fit into a URL. */
export const TOKEN_CACHE_BYTES = 16 * 1024;

/** Milliseconds between the end of a control stream and that of its connection: some peers end their streams first. */
const CLOSING_MS = 1_000;

/** A control stream for both directions. */
export interface SharedControl {
  /** The first request id that the peer may not use. */
  readonly granted: number;
  /** Opens it. False where the peer allows none. */
  openControl(): boolean;
  send(message: Message): void;
}

export interface ControlEvents {
  /** The peer is leaving, or sends us elsewhere. */
  goaway(message: Goaway): void;
}

/** The pair of control streams: SETUP and GOAWAY, each way (Session initialization). */
export class ControlStreams {
  readonly #context: IetfContext;
  readonly #on: ControlEvents;
  readonly #shared: SharedControl | undefined;
  #stream: SendStream | undefined;
  #reader: MessageReader | undefined;
  #setup: Setup | undefined;
  /** Where the peer is sent. */
  #goaway: string | undefined;
  #setupSent = false;
  #cancelTimer: () => void = () => {};

  /** `shared`: there is one control stream for both directions, and for all requests. */
  constructor(context: IetfContext, on: ControlEvents, shared: SharedControl | undefined) {
    this.#context = context;
    this.#on = on;
    this.#shared = shared;
  }

  /** The peer is asked to leave. */
  get draining(): boolean {
    return this.#goaway !== undefined;
  }

  /** Where the peer is asked to go; empty for no place in particular, and undefined while it is not asked to leave. */
  get destination(): string | undefined {
    return this.#goaway;
  }

  /** What the peer can do, once it has said so. */
  get setup(): Setup | undefined {
    return this.#setup;
  }

  /** Opens ours, and waits for that of the peer. Where there is one for both directions, the client opens it, and the server answers. */
  open(): void {
    const { session, side } = this.#context;
    const { link, deps } = session;
    if (this.#shared === undefined) this.#stream = link.openUni(PRIORITY_CONTROL, { stop: () => this.lost() });
    const opened =
      this.#shared === undefined ? this.#stream !== undefined : side === "server" || this.#shared.openControl();
    if (!opened) {
      session.end("protocol", "moq-transport Session initialization: the peer allows no control stream");
      return;
    }
    if (this.#shared === undefined || side === "client") this.#sendSetup();
    this.#cancelTimer = deps.clock.timer(deps.limits.headerTimeoutMs, () => {
      if (this.#setup === undefined) session.end("timeout", "the peer sent no SETUP in time");
    });
  }

  /** The peer opened a control stream. */
  received(): void {
    if (this.#reader !== undefined) throw new ProtocolViolation("Session initialization", "second control stream");
    this.#reader = MessageReader.control(fromPeer(this.#context.session.link.info, this.#context.caps));
  }

  push(bytes: Uint8Array, allowance: Allowance): Uint8Array {
    return this.#reader?.push(bytes, (message) => this.message(message), allowance) ?? READ;
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
    const { session, side } = this.#context;
    if (session.over || this.#goaway !== undefined) return false;
    // A client cannot tell a server to connect elsewhere.
    this.#goaway = side === "client" ? "" : uri;
    this.#sendGoaway();
    return true;
  }

  /** The session is over. */
  close(): void {
    this.#cancelTimer();
  }

  /** A message of the peer that is about no request. */
  message(message: Message): void {
    if (message.kind === "goaway") this.#on.goaway(message);
    else if (message.kind === "setup") {
      this.#setup = message;
      this.#context.tokens.resolveSetup(message.tokens);
      this.#cancelTimer();
      if (this.#shared !== undefined && this.#context.side === "server") this.#sendSetup();
    }
  }

  /** SETUP is the first message, and a server may have to wait before it sends its own. */
  #sendGoaway(): void {
    if (this.#goaway === undefined || !this.#setupSent) return;
    this.#send({
      kind: "goaway",
      uri: this.#goaway,
      timeout: GOAWAY_TIMEOUT_MS,
      requestId: this.#context.ids.unused,
    });
  }

  #sendSetup(): void {
    this.#setupSent = true;
    this.#send({
      kind: "setup",
      tokens: [],
      maxAuthTokenCacheSize: TOKEN_CACHE_BYTES,
      maxFilterRanges: FILTER_RANGES,
      implementation: IMPLEMENTATION,
      ...this.#target(),
      ...(this.#shared === undefined ? {} : { from: this.#context.side, maxRequestId: this.#shared.granted }),
    });
    this.#sendGoaway();
  }

  #send(message: Message): void {
    if (this.#shared === undefined) this.#stream?.write(encodeMessage(message, this.#context.caps));
    else this.#shared.send(message);
  }

  /** Where there is no URI, the client says here what it asks for (PATH, AUTHORITY). */
  #target(): Pick<Setup, "path" | "authority"> {
    const { binding, dialled, path, query, authority } = this.#context.session.link.info;
    if (!dialled || binding !== "quic") return {};
    return { path: query === "" ? path : `${path}?${query}`, ...(authority === "" ? {} : { authority }) };
  }
}
