import type { BidiStream, FanOut, PassOn, RecvHandler, SendHandler, SendStream } from "../../moq/link.ts";
import type { Port } from "./port.ts";
import { FRAMINGS, STREAM_SLOT } from "./records.ts";

/** The link of a stream: whether it has ended, and the stream's events. */
export interface StreamLink {
  readonly ended: boolean;
  data(stream: NativeStream, bytes: Uint8Array): void;
  fin(stream: NativeStream): void;
  reset(stream: NativeStream, code: number): void;
  stop(stream: NativeStream, code: number): void;
  marked(stream: NativeStream): void;
  unpassed(stream: NativeStream): void;
}

/** A fan-out that a stream is in. */
export interface StreamFan {
  remove(stream: SendStream): void;
}

/** A set of streams that the engine can write to itself. */
interface Passable {
  passed(): Uint32Array;
}

/** One stream, with one or both halves. The engine keeps the bytes; this object answers what needs no call. */
export class NativeStream implements BidiStream {
  readonly id: number;
  readonly link: StreamLink;
  /** The handlers; undefined for a half that the stream does not have. */
  recv: RecvHandler | undefined;
  send: SendHandler | undefined;
  /** The first fan-out that the stream is in, and its index there. {@link moreFans} has the others. */
  fan: StreamFan | undefined;
  fanAt = -1;
  moreFans: Map<StreamFan, number> | undefined;
  readonly #port: Port;
  /** FIN was asked for. */
  #finished = false;
  /** Reset, stopped, or ended in the engine: no bytes are queued. */
  #dropped = false;
  /** The engine has reported a mark, and reads nothing until it is answered. */
  #marked = false;
  /** What comes is passed on. */
  #passes = false;

  constructor(port: Port, link: StreamLink, id: number) {
    this.#port = port;
    this.link = link;
    this.id = id;
  }

  get queued(): number {
    return this.#dropped || this.link.ended ? 0 : (this.#port.native.queuedOfStreams[this.id & STREAM_SLOT] ?? 0);
  }

  get ended(): boolean {
    return this.#finished || this.#dropped || this.link.ended;
  }

  get acknowledged(): boolean {
    return this.#dropped || this.link.ended;
  }

  write(bytes: Uint8Array): void {
    if (this.#finished || this.#dropped || this.link.ended) return;
    this.#port.native.write(this.id, bytes);
    this.#port.touch();
  }

  finish(): void {
    if (this.ended) return;
    this.#port.native.finish(this.id);
    this.#port.touch();
    this.finished();
  }

  /** Also ends a finished half that still has queued bytes. */
  reset(code: number): void {
    if (this.#dropped || this.link.ended) return;
    this.#port.native.reset(this.id, code);
    this.#port.touch();
    this.dropped();
  }

  setPriority(priority: number): void {
    if (this.#dropped || this.link.ended) return;
    this.#port.native.setPriority(this.id, priority);
    this.#port.touch();
  }

  mark(): void {
    if (this.recv === undefined || this.link.ended) return;
    this.#port.native.mark(this.id);
    this.#port.touch();
  }

  pass(how: PassOn): boolean {
    if (!this.#marked || this.recv === undefined || this.link.ended) return false;
    this.#marked = false;
    if (how.to.length > 0) this.#passes = true;
    this.#port.native.pass(this.id, wordsOf(how));
    this.#port.touch();
    return true;
  }

  unpass(): boolean {
    if (!this.#passes || this.recv === undefined || this.link.ended) return false;
    this.#port.native.unpass(this.id);
    this.#port.touch();
    return true;
  }

  stop(code: number): void {
    if (this.recv === undefined || this.link.ended) return;
    this.recv = undefined;
    this.#port.native.stop(this.id, code);
    this.#port.touch();
  }

  /** FIN was sent; the handler gets no `stop` any more. */
  finished(): void {
    this.#finished = true;
    this.send = undefined;
    this.#leave();
  }

  /** The send half has ended, and none of its bytes are queued. */
  dropped(): void {
    this.#dropped = true;
    this.send = undefined;
    this.#leave();
  }

  /** The engine waits for the answer to a mark. */
  marked(): void {
    this.#marked = true;
    if (this.recv?.marked === undefined) this.pass(NOTHING);
    else this.link.marked(this);
  }

  /** What comes from here on is not passed on. */
  unpassed(): void {
    if (!this.#passes && !this.#marked) return;
    this.#marked = false;
    this.#passes = false;
    this.link.unpassed(this);
  }

  /** The stream has ended in the engine. */
  gone(): void {
    this.unpassed();
    this.recv = undefined;
    this.dropped();
  }

  #leave(): void {
    this.fan?.remove(this);
    if (this.moreFans === undefined) return;
    for (const fan of [...this.moreFans.keys()]) fan.remove(this);
  }
}

/** The answer of a handler that asked for no mark. */
const NOTHING: PassOn = { framing: "sized", left: 0, largest: 0, to: [], late: false };

/** The argument of `Native.pass`. The sets are of the same engine. */
function wordsOf({ late, framing, largest, left, to }: PassOn): Uint32Array {
  const sets = to.map(({ fan, framing: into }) => ({ into: FRAMINGS[into], ids: (fan as FanOut & Passable).passed() }));
  const words = new Uint32Array(4 + sets.reduce((sum, { ids }) => sum + 2 + ids.length, 0));
  words.set([late ? 1 : 0, FRAMINGS[framing], largest, left]);
  let at = 4;
  for (const { into, ids } of sets) {
    words.set([into, ids.length], at);
    words.set(ids, at + 2);
    at += 2 + ids.length;
  }
  return words;
}
