import type { Clock } from "../../clock.ts";
import type {
  Attach,
  BidiHandler,
  BidiStream,
  Link,
  LinkClosed,
  LinkHandler,
  LinkInfo,
  RecvHandler,
  RecvStream,
} from "../../link.ts";
import type { Reason } from "../../reason.ts";
import { DEFAULT_WIRE_LIMITS, ProtocolViolation } from "../../wire/codec/index.ts";
import { type Capabilities, capabilities, type Setup, UniReader } from "../../wire/lite/index.ts";
import { codeOf } from "./codes.ts";

/** Bytes that a client may send before it was let in: its SETUP and first requests, many times over. */
const MAX_HELD_BYTES = 64 * 1024;
/** Streams that a client may open before it was let in. */
const MAX_HELD_STREAMS = 32;

/** Whether the client of such a link says in its SETUP what it asks for (moq-lite Path parameter), and not in a URI. */
export function asksInSetup({ binding, protocol, dialled }: LinkInfo): boolean {
  return binding === "quic" && !dialled && capabilities(protocol)?.setupStream === true;
}

/** A refusal, told by the close of the link. */
export interface Refusal {
  readonly reason: Reason;
  readonly message: string;
}

export interface SetupGateOptions {
  readonly clock: Clock;
  /** Milliseconds for the SETUP to come. */
  readonly timeoutMs: number;
  /** Called once with the request target, `/` where the client gave none. `answer` lets it in or not, at once or later. */
  readonly decide: (target: string, answer: (outcome: Attach | Refusal) => void) => void;
  /** The link ended before it was let in. */
  readonly left: () => void;
  /** It was ended before it could be decided on, or while it was: for what came, or because nothing did. */
  readonly refused: (refusal: Refusal) => void;
}

/**
 * Holds a link of {@link asksInSetup} back until its SETUP has come and was decided on. Streams that came meanwhile are kept for
 * the session, within bounds at which the link is closed; datagrams are dropped.
 */
export function afterSetup(options: SetupGateOptions): Attach {
  return (link) => {
    const caps = capabilities(link.info.protocol);
    if (caps === undefined) throw new Error(`not a moq-lite protocol: ${link.info.protocol}`);
    return new Threshold(link, caps, options);
  };
}

/** What came on a stream: bytes, or its end. */
type Held = Uint8Array | ((handler: BidiHandler) => void);

class Threshold implements LinkHandler {
  readonly #link: Link;
  readonly #caps: Capabilities;
  readonly #options: SetupGateOptions;
  readonly #streams: HeldStream[] = [];
  readonly #cancel: () => void;
  #bytes = 0;
  #asked = false;
  #over = false;
  /** Set once the client was let in. */
  #inner: LinkHandler | undefined;

  constructor(link: Link, caps: Capabilities, options: SetupGateOptions) {
    this.#link = link;
    this.#caps = caps;
    this.#options = options;
    this.#cancel = options.clock.timer(options.timeoutMs, () =>
      this.#cutOff({ reason: "timeout", message: this.#asked ? "the decision took too long" : "no SETUP came" }),
    );
  }

  uni(stream: RecvStream): RecvHandler {
    if (this.#inner !== undefined) return this.#inner.uni(stream);
    const held = this.#hold((inner) => ({ ...NO_SEND, ...recv(inner.uni(stream)) }));
    if (this.#asked) return held;
    const reader = new UniReader(this.#caps, DEFAULT_WIRE_LIMITS, {
      group: () => NOTHING,
      unknown: () => {},
      setup: (setup) => this.#ask(setup),
    });
    return { ...recv(held), data: (bytes) => void (this.#read(reader, bytes) && held.data(bytes)) };
  }

  bidi(stream: BidiStream): BidiHandler {
    return this.#inner?.bidi(stream) ?? this.#hold((inner) => inner.bidi(stream));
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

  closed(why: LinkClosed): void {
    this.#cancel();
    if (this.#inner !== undefined) {
      this.#inner.closed(why);
      return;
    }
    if (!this.#over) this.#options.left();
    this.#over = true;
  }

  /** False when the link was closed for what came. The copy that is held is what the session reads again. */
  #read(reader: UniReader, bytes: Uint8Array): boolean {
    if (this.#inner !== undefined || this.#asked) return true;
    try {
      reader.push(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      this.#cutOff({ reason: "protocol", message: `moq-lite ${error.message}` });
    }
    return !this.#over;
  }

  #ask({ path }: Setup): void {
    if (this.#asked || this.#over) return;
    this.#asked = true;
    this.#options.decide(path ?? "/", (outcome) => {
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

  #refuse({ reason, message }: Refusal): void {
    this.#cancel();
    if (this.#over || this.#inner !== undefined) return;
    this.#over = true;
    this.#streams.length = 0;
    this.#options.left();
    this.#link.close(codeOf(reason), message);
  }

  #cutOff(refusal: Refusal): void {
    if (this.#over || this.#inner !== undefined) return;
    this.#options.refused(refusal);
    this.#refuse(refusal);
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
    this.#cutOff({ reason: "limit", message: "too much before the session was accepted" });
  }
}

/** Keeps what comes on one stream for the session that takes it over. */
class HeldStream implements BidiHandler {
  readonly #open: (inner: LinkHandler) => BidiHandler;
  readonly #count: (bytes: number) => void;
  #held: Held[] = [];
  #inner: BidiHandler | undefined;

  constructor(open: (inner: LinkHandler) => BidiHandler, count: (bytes: number) => void) {
    this.#open = open;
    this.#count = count;
  }

  data(bytes: Uint8Array): void {
    if (this.#inner !== undefined) {
      this.#inner.data(bytes);
      return;
    }
    // Not `slice`, which copies nothing of a Buffer.
    this.#held.push(new Uint8Array(bytes));
    this.#count(bytes.length);
  }

  fin(): void {
    this.#then((inner) => inner.fin());
  }

  reset(code: number): void {
    this.#then((inner) => inner.reset(code));
  }

  stop(code: number): void {
    this.#then((inner) => inner.stop(code));
  }

  release(handler: LinkHandler): void {
    const inner = this.#open(handler);
    this.#inner = inner;
    for (const one of this.#held.splice(0)) {
      if (typeof one === "function") one(inner);
      else inner.data(one);
    }
  }

  #then(what: (inner: BidiHandler) => void): void {
    if (this.#inner === undefined) this.#held.push(what);
    else what(this.#inner);
  }
}

function recv(handler: RecvHandler): RecvHandler {
  return {
    data: (bytes) => handler.data(bytes),
    fin: () => handler.fin(),
    reset: (code) => handler.reset(code),
  };
}

const NO_SEND = { stop: () => {} };

/** Where frames go of a group that came before anything was subscribed to; the session reads them again. */
const NOTHING = { frame: () => {}, payload: () => {}, end: () => {} };
