import { type Dialect, MAX_FRAME_HEADER } from "./contract.ts";

/** Bytes of a frame that are allocated before they arrive. A peer that names a large size and sends nothing costs no more than this. */
const SEGMENT_BYTES = 64 * 1024;

/** Bytes of one frame beside its payload, as measured with `process.memoryUsage()`. The cache charges them. */
export const FRAME_OVERHEAD = 240;

/**
 * One object of a group: its payload is kept once, in segments, and shared by reference with every reader.
 * The first segment leaves room for a header, so that the first dialect to write the frame needs no copy.
 */
export class Frame {
  readonly size: number;
  /** Its timestamp minus that of the frame before in its group; for the first frame the timestamp itself. In the track's timescale. */
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

  /** Copies `bytes` for the attached readers and keeps none. Only for a frame of which nothing is kept. */
  pass(bytes: Uint8Array): Uint8Array[] {
    const room = this.#received === 0 ? MAX_FRAME_HEADER : 0;
    this.#received += bytes.length;
    const copy = new Uint8Array(room + bytes.length);
    copy.set(bytes, room);
    return [copy.subarray(room)];
  }

  /** Drops the bytes that are kept; further bytes go through {@link pass}. */
  forget(): void {
    this.#segments.length = 0;
  }

  /**
   * The header for `dialect` joined with `first`, the view of the frame's first bytes. Nothing where the room before those bytes has
   * another dialect's header: then the header is written by itself.
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

  /** Adds all bytes so far to `into`, as `dialect` writes them: about one piece for each segment. */
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
