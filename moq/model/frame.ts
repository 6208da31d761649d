import { type Dialect, MAX_FRAME_HEADER } from "./contract.ts";

/** Bytes of a frame that are allocated ahead of their arrival: a peer that announces much and sends nothing costs this. */
const SEGMENT_BYTES = 64 * 1024;

/** Bookkeeping of one frame beside its payload, in bytes, as measured with `process.memoryUsage()`; the cache counts it. */
export const FRAME_OVERHEAD = 240;

/**
 * One object of a group: its payload is kept once, in segments, and shared by reference with every reader.
 * The first segment leaves room for a header, so that the first dialect to write the frame needs no copy.
 */
export class Frame {
  readonly size: number;
  /** Its timestamp less that of the frame before in its group; the timestamp itself for the first. In the track's timescale. */
  readonly delta: number;
  #received = 0;
  readonly #segments: Uint8Array[] = [];
  /** Bytes of the last segment that are filled, header room included. */
  #filled = 0;
  #headDialect: string | undefined;
  #headLength = 0;

  constructor(size: number, delta: number) {
    this.size = size;
    this.delta = delta;
  }

  get received(): number {
    return this.#received;
  }

  /** Copies `bytes` in and returns the views that hold them, in order. */
  append(bytes: Uint8Array): Uint8Array[] {
    const views: Uint8Array[] = [];
    let offset = 0;
    while (offset < bytes.length) {
      let last = this.#segments.at(-1);
      if (last === undefined || this.#filled === last.length) {
        const room = this.#segments.length === 0 ? MAX_FRAME_HEADER : 0;
        last = new Uint8Array(room + Math.min(this.size - this.#received, SEGMENT_BYTES));
        this.#segments.push(last);
        this.#filled = room;
      }
      const take = Math.min(last.length - this.#filled, bytes.length - offset);
      last.set(bytes.subarray(offset, offset + take), this.#filled);
      views.push(last.subarray(this.#filled, this.#filled + take));
      this.#filled += take;
      this.#received += take;
      offset += take;
    }
    return views;
  }

  /** Copies `bytes` for those who get them now, and keeps none; nothing may have been kept before, or it was forgotten. */
  pass(bytes: Uint8Array): Uint8Array[] {
    const room = this.#received === 0 ? MAX_FRAME_HEADER : 0;
    this.#received += bytes.length;
    const copy = new Uint8Array(room + bytes.length);
    copy.set(bytes, room);
    return [copy.subarray(room)];
  }

  /** Drops what is kept of it; from now on its bytes only pass. */
  forget(): void {
    this.#segments.length = 0;
  }

  /**
   * The header for `dialect` joined with `first`, the view of the frame's first bytes, where the room before them
   * is free or holds this dialect's header already; else nothing, and the header is written by itself.
   */
  joined(dialect: Dialect, header: Uint8Array, first: Uint8Array): Uint8Array | undefined {
    if (this.#headDialect === undefined) {
      this.#headDialect = dialect.name;
      this.#headLength = header.length;
      new Uint8Array(first.buffer, MAX_FRAME_HEADER - header.length, header.length).set(header);
    } else if (this.#headDialect !== dialect.name) {
      return undefined;
    }
    return new Uint8Array(first.buffer, MAX_FRAME_HEADER - this.#headLength, this.#headLength + first.length);
  }

  /** All bytes so far as this dialect writes them, in as few pieces as there are segments. */
  encoded(dialect: Dialect, into: Uint8Array[]): void {
    const header = dialect.frameHeader(this.size, this.delta);
    const payload = this.payload();
    const first = payload[0];
    if (first === undefined) {
      into.push(header);
      return;
    }
    const joined = this.joined(dialect, header, first);
    if (joined === undefined) into.push(header, first);
    else into.push(joined);
    for (let i = 1; i < payload.length; i++) into.push(payload[i] as Uint8Array);
  }

  /** The payload bytes received so far, one view per segment. */
  payload(): Uint8Array[] {
    return this.#segments.map((segment, i) => {
      const from = i === 0 ? MAX_FRAME_HEADER : 0;
      return segment.subarray(from, i === this.#segments.length - 1 ? this.#filled : segment.length);
    });
  }
}
