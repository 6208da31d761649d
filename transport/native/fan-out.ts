import type { FanOut, SendStream } from "../../moq/link.ts";
import type { Port } from "./port.ts";
import { NativeStream } from "./stream.ts";

const FIRST_ROOM = 16;

/** A fan-out with one call for all its streams: the engine reads their ids from an array. */
export class NativeFanOut implements FanOut {
  readonly #port: Port;
  readonly #streams: NativeStream[] = [];
  #ids = new Uint32Array(FIRST_ROOM);
  /** The first so many streams are written to by the engine, which passes another stream on. */
  #passed = 0;
  /** {@link Port.endings} at the last removal of streams whose link has ended. */
  #swept = 0;

  constructor(port: Port) {
    this.#port = port;
    this.#swept = port.endings;
  }

  get size(): number {
    this.#sweep();
    return this.#streams.length;
  }

  add(stream: SendStream): void {
    if (!(stream instanceof NativeStream)) throw new TypeError("a fan-out accepts only streams of its own engine");
    if (stream.ended || this.#placeOf(stream) >= 0) return;
    const place = this.#streams.length;
    this.#streams.push(stream);
    if (place === this.#ids.length) {
      const larger = new Uint32Array(2 * place);
      larger.set(this.#ids);
      this.#ids = larger;
    }
    this.#ids[place] = stream.id;
    if (stream.fan === undefined) {
      stream.fan = this;
      stream.fanAt = place;
    } else {
      stream.moreFans ??= new Map();
      stream.moreFans.set(this, place);
    }
  }

  remove(stream: SendStream): void {
    if (!(stream instanceof NativeStream)) return;
    const place = this.#placeOf(stream);
    if (place < 0) return;
    this.#forget(stream);
    let hole = place;
    if (place < this.#passed) {
      hole = --this.#passed;
      this.#move(hole, place);
    }
    this.#move(this.#streams.length - 1, hole);
    this.#streams.pop();
  }

  get written(): number {
    this.#sweep();
    return this.#streams.length - this.#passed;
  }

  unpassed(): void {
    this.#passed = 0;
  }

  /** The ids of all its streams, which the engine writes to from now on. Valid until the next call. */
  passed(): Uint32Array {
    this.#sweep();
    this.#passed = this.#streams.length;
    return this.#ids.subarray(0, this.#passed);
  }

  write(bytes: Uint8Array): void {
    if (this.#streams.length === this.#passed) return;
    this.#sweep();
    const ids = this.#passed === 0 ? this.#ids : this.#ids.subarray(this.#passed);
    this.#port.native.writeMany(ids, this.#streams.length - this.#passed, bytes);
    this.#port.touch();
  }

  finish(): void {
    if (this.#streams.length === 0) return;
    this.#sweep();
    this.#port.native.finishMany(this.#ids, this.#streams.length);
    this.#port.touch();
    for (const stream of this.#take()) stream.finished();
  }

  reset(code: number): void {
    if (this.#streams.length === 0) return;
    this.#sweep();
    this.#port.native.resetMany(this.#ids, this.#streams.length, code);
    this.#port.touch();
    for (const stream of this.#take()) stream.dropped();
  }

  #take(): NativeStream[] {
    this.#passed = 0;
    const streams = this.#streams.splice(0);
    for (const stream of streams) this.#forget(stream);
    return streams;
  }

  #move(from: number, to: number): void {
    const stream = this.#streams[from];
    if (stream === undefined || from === to) return;
    this.#streams[to] = stream;
    this.#ids[to] = stream.id;
    if (stream.fan === this) stream.fanAt = to;
    else stream.moreFans?.set(this, to);
  }

  #placeOf(stream: NativeStream): number {
    return stream.fan === this ? stream.fanAt : (stream.moreFans?.get(this) ?? -1);
  }

  #forget(stream: NativeStream): void {
    if (stream.fan === this) {
      stream.fan = undefined;
      stream.fanAt = -1;
    } else {
      stream.moreFans?.delete(this);
    }
  }

  /** Removes streams whose link has ended. Other ended streams leave by themselves. */
  #sweep(): void {
    if (this.#swept === this.#port.endings) return;
    this.#swept = this.#port.endings;
    for (const stream of [...this.#streams]) if (stream.link.ended) this.remove(stream);
  }
}
