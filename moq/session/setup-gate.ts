import type { Clock } from "../clock.ts";
import type {
  Attach,
  BidiHandler,
  BidiStream,
  Link,
  LinkClosed,
  LinkHandler,
  RecvHandler,
  RecvStream,
} from "../link.ts";
import type { Reason } from "../reason.ts";
import { ProtocolViolation } from "../wire/codec/index.ts";
import type { PresentedToken } from "./contract.ts";
import { HeldStream } from "./held-stream.ts";

/** Bytes that a client may send before it is admitted: many times its SETUP and first requests. */
const MAX_HELD_BYTES = 64 * 1024;
/** Streams that a client may open before it is admitted. */
const MAX_HELD_STREAMS = 32;

/** A refusal, which the client learns from the close of the link. */
export interface Refusal {
  readonly reason: Reason;
  readonly message: string;
}

/** What a client asks for in its SETUP. */
export interface SetupAsk {
  /** The request target; absent: `/`. */
  readonly target?: string | undefined;
  /** Its tokens, in their order. */
  readonly tokens?: readonly PresentedToken[];
}

export interface SetupGateOptions {
  readonly clock: Clock;
  /** Milliseconds until the client must be admitted. */
  readonly timeoutMs: number;
  /** Called once with what the client asks for. `answer` admits or refuses it, at once or later. */
  readonly decide: (asked: SetupAsk, answer: (outcome: Attach | Refusal) => void) => void;
  /** The link ended before the client was admitted. */
  readonly left: () => void;
  /** The gate refused the client itself: its SETUP was missing or wrong, or it sent too much before it was admitted. */
  readonly refused: (refusal: Refusal) => void;
}

/** How a protocol family says in its SETUP what a client asks for. */
export interface SetupProtocol {
  /** For messages to the client. */
  readonly name: string;
  readonly codeOf: (reason: Reason) => number;
  /** The code for a client that breaks the protocol. Absent: that of the reason `protocol`. */
  readonly violationCode?: (violation: ProtocolViolation) => number;
  /** Which streams may have the SETUP. Absent: the unidirectional ones. */
  readonly streams?: "uni" | "bidi";
  /**
   * Reads a stream of the client, which may be the one with the SETUP: `found` is called with what it asks for. A violation of the
   * protocol is thrown.
   */
  reader(found: (asked: SetupAsk) => void): { push(bytes: Uint8Array): void };
}

/**
 * Stands in for a session until the SETUP of the link is here and the client is admitted. Streams are kept for the session, within
 * bounds at which the link is closed. Datagrams are dropped.
 */
export class SetupGate implements LinkHandler {
  readonly #link: Link;
  readonly #protocol: SetupProtocol;
  readonly #options: SetupGateOptions;
  readonly #streams: HeldStream[] = [];
  readonly #cancel: () => void;
  #bytes = 0;
  #asked = false;
  #over = false;
  /** The session, once the client is admitted. */
  #inner: LinkHandler | undefined;

  constructor(link: Link, protocol: SetupProtocol, options: SetupGateOptions) {
    this.#link = link;
    this.#protocol = protocol;
    this.#options = options;
    this.#cancel = options.clock.timer(options.timeoutMs, () =>
      this.#cutOff({
        reason: "timeout",
        message: this.#asked ? "the client was not admitted in time" : "no SETUP arrived in time",
      }),
    );
  }

  uni(stream: RecvStream): RecvHandler {
    if (this.#inner !== undefined) return this.#inner.uni(stream);
    return this.#read("uni", (inner) => ({ ...NO_SEND, ...recv(inner.uni(stream)) }));
  }

  bidi(stream: BidiStream): BidiHandler {
    return this.#inner?.bidi(stream) ?? this.#read("bidi", (inner) => inner.bidi(stream));
  }

  datagram(bytes: Uint8Array): void {
    this.#inner?.datagram(bytes);
  }

  capacity(): void {
    this.#inner?.capacity();
  }

  backlog(queued: number): void {
    this.#inner?.backlog(queued);
  }

  drained(): void {
    this.#inner?.drained();
  }

  dark(): void {
    this.#inner?.dark?.();
  }

  closed(why: LinkClosed): void {
    this.#cancel();
    if (this.#inner !== undefined) {
      this.#inner.closed(why);
      return;
    }
    if (!this.#over) this.#options.left();
    this.#over = true;
  }

  /** Holds a stream, and looks for the SETUP in it. The session reads the held copy of its bytes again. */
  #read(kind: "uni" | "bidi", open: (inner: LinkHandler) => BidiHandler): BidiHandler {
    const held = this.#hold(open);
    if (this.#asked || kind !== (this.#protocol.streams ?? "uni")) return held;
    const reader = this.#protocol.reader((asked) => this.#ask(asked));
    return {
      ...recv(held),
      data: (bytes) => void (this.#push(reader, bytes) && held.data(bytes)),
      stop: (code) => held.stop(code),
    };
  }

  /** False when the gate closed the link for these bytes. */
  #push(reader: { push(bytes: Uint8Array): void }, bytes: Uint8Array): boolean {
    if (this.#inner !== undefined || this.#asked) return true;
    try {
      reader.push(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      const refusal = { reason: "protocol" as const, message: `${this.#protocol.name} ${error.message}` };
      this.#cutOff(refusal, this.#protocol.violationCode?.(error));
    }
    return !this.#over;
  }

  #ask(asked: SetupAsk): void {
    if (this.#asked || this.#over) return;
    this.#asked = true;
    this.#options.decide(asked, (outcome) => {
      if (typeof outcome === "function") this.#admit(outcome);
      else this.#refuse(outcome);
    });
  }

  #admit(attach: Attach): void {
    this.#cancel();
    if (this.#over) return;
    const inner = attach(this.#link);
    this.#inner = inner;
    for (const stream of this.#streams.splice(0)) stream.release(inner);
  }

  #refuse({ reason, message }: Refusal, code = this.#protocol.codeOf(reason)): void {
    this.#cancel();
    if (this.#over || this.#inner !== undefined) return;
    this.#over = true;
    this.#streams.length = 0;
    this.#options.left();
    this.#link.close(code, message);
  }

  #cutOff(refusal: Refusal, code?: number): void {
    if (this.#over || this.#inner !== undefined) return;
    this.#options.refused(refusal);
    this.#refuse(refusal, code);
  }

  #hold(open: (inner: LinkHandler) => BidiHandler): HeldStream {
    const stream = new HeldStream(open, (bytes) => this.#count(bytes));
    this.#streams.push(stream);
    if (this.#streams.length > MAX_HELD_STREAMS) this.#full();
    return stream;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > MAX_HELD_BYTES) this.#full();
  }

  #full(): void {
    this.#cutOff({ reason: "limit", message: "too many streams or bytes before the client was admitted" });
  }
}

function recv(handler: RecvHandler): RecvHandler {
  return {
    data: (bytes) => handler.data(bytes),
    marked: () => handler.marked?.(),
    unpassed: () => handler.unpassed?.(),
    fin: () => handler.fin(),
    reset: (code) => handler.reset(code),
  };
}

const NO_SEND = { stop: () => {} };
