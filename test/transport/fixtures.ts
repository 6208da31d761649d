/** Handlers that record their events, and every violation of the contract by the engine. */
import { createHash } from "node:crypto";
import type {
  Attach,
  BidiHandler,
  BidiStream,
  Link,
  LinkClosed,
  LinkHandler,
  LinkLimits,
  LinkStats,
  RecvHandler,
  RecvStream,
  SendHandler,
} from "../../moq/link.ts";

/** Bounds that the cases start from. */
export const LIMITS: LinkLimits = {
  uniStreams: 100,
  bidiStreams: 100,
  idleTimeoutMs: 10_000,
  keepAliveMs: 2_000,
  queueMark: 256 * 1024,
};

/** How a receive half ended. */
export type RecvEnd = "fin" | { readonly reset: number };

/** Events of one stream. */
export class StreamRecord implements BidiHandler {
  /** Set for streams that the peer opened. */
  recv: RecvStream | undefined;
  /** Set for bidirectional streams that the peer opened. */
  bidi: BidiStream | undefined;
  received = 0;
  end: RecvEnd | undefined;
  /** Code of the peer's STOP_SENDING. */
  stopped: number | undefined;
  readonly #hash = createHash("sha256");
  readonly #chunks: Buffer[] = [];
  readonly #recorder: Recorder;

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
  }

  data(bytes: Uint8Array): void {
    this.#recorder.event("data");
    if (bytes.length === 0) this.#recorder.violated("data without bytes");
    if (this.end !== undefined) this.#recorder.violated("data after the end of its stream");
    this.received += bytes.length;
    this.#hash.update(bytes);
    this.#chunks.push(Buffer.from(bytes));
    this.#recorder.onData?.(this);
  }

  fin(): void {
    this.#ended("fin");
  }

  reset(code: number): void {
    this.#ended({ reset: code });
  }

  stop(code: number): void {
    this.#recorder.event("stop");
    if (this.stopped !== undefined) this.#recorder.violated("stop twice");
    this.stopped = code;
  }

  /** Itself once data has come. */
  get begun(): this | undefined {
    return this.received > 0 ? this : undefined;
  }

  /** Itself once its receive half has ended. */
  get done(): this | undefined {
    return this.end === undefined ? undefined : this;
  }

  /** All bytes; for streams of which much comes, `digest` is as good. */
  get text(): string {
    return Buffer.concat(this.#chunks).toString();
  }

  /** SHA-256 of what came. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }

  #ended(end: RecvEnd): void {
    this.#recorder.event(end === "fin" ? "fin" : "reset");
    if (this.end !== undefined) this.#recorder.violated("a receive half that ended twice");
    this.end = end;
  }
}

/** Events of one end of a link. */
export class Recorder implements LinkHandler {
  link: Link | undefined;
  /** Names of all events in order. */
  readonly log: string[] = [];
  /** Rules of the contract that the engine broke. */
  readonly violations: string[] = [];
  readonly unis: StreamRecord[] = [];
  readonly bidis: StreamRecord[] = [];
  readonly datagrams: Buffer[] = [];
  readonly backlogs: number[] = [];
  capacities = 0;
  drains = 0;
  darks = 0;
  closing: LinkClosed | undefined;
  /** The link's figures at its end. */
  figures: LinkStats | undefined;
  /** Called with each piece of data after it was noted, to act from inside of an event. */
  onData: ((record: StreamRecord) => void) | undefined;
  /** Gives a stream of the peer another handler than a record; nothing is noted of it then. */
  onUni: ((stream: RecvStream) => RecvHandler | undefined) | undefined;
  #calling = false;

  readonly attach: Attach = (link) => {
    this.link = link;
    return this;
  };

  /** A handler for a stream opened at this end. */
  stream(): StreamRecord {
    return new StreamRecord(this);
  }

  uni(stream: RecvStream): RecvHandler {
    this.event("uni");
    const other = this.onUni?.(stream);
    if (other !== undefined) return other;
    const record = this.stream();
    record.recv = stream;
    this.unis.push(record);
    return record;
  }

  bidi(stream: BidiStream): BidiHandler {
    this.event("bidi");
    const record = this.stream();
    record.recv = stream;
    record.bidi = stream;
    this.bidis.push(record);
    return record;
  }

  datagram(bytes: Uint8Array): void {
    this.event("datagram");
    this.datagrams.push(Buffer.from(bytes));
  }

  capacity(): void {
    this.event("capacity");
    this.capacities += 1;
  }

  backlog(queued: number): void {
    this.event("backlog");
    this.backlogs.push(queued);
  }

  dark(): void {
    this.event("dark");
    this.darks++;
  }

  drained(): void {
    this.event("drained");
    this.drains += 1;
  }

  closed(why: LinkClosed): void {
    this.event("closed");
    this.closing = why;
    this.figures = this.link?.stats();
  }

  event(event: string): void {
    if (this.#calling) this.violated(`${event} from inside a call into the engine`);
    if (this.closing !== undefined) this.violated(`${event} after closed`);
    if (this.link === undefined) this.violated(`${event} before attach`);
    this.log.push(event);
  }

  violated(rule: string): void {
    this.violations.push(rule);
  }

  /** Runs calls into the engine, during which no handler may be called. */
  calling(calls: () => void): void {
    this.#calling = true;
    try {
      calls();
    } finally {
      this.#calling = false;
    }
  }
}

/** `size` bytes that differ from place to place and from `salt` to `salt`. */
export function pattern(size: number, salt = 0): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = (salt * 2_654_435_761 + 1) >>> 0;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A send handler for streams whose STOP_SENDING is of no interest. */
export const unheard: SendHandler = { stop: () => {} };
