import { type Dialect, HEADER_ROOM } from "./contract.ts";
import { type SegmentPool, sizeFor } from "./segment-pool.ts";

/** Bytes of a frame that are allocated before they arrive. A peer that names a large size and sends nothing costs no more than this. */
const SEGMENT_BYTES = 64 * 1024;

/** Frames up to this size begin in a new segment where they do not fit into the rest of the last one, because each piece costs a write. */
const WHOLE_BYTES = SEGMENT_BYTES / 4;

/** Of a segment with fewer bytes left the rest stays empty. */
const LEAST_REST = 4 * 1024;

/** Bytes of one frame beside its payload, as measured with `process.memoryUsage()`. The cache charges them. */
export const FRAME_OVERHEAD = 240;

/** Numbers of a frame in `#index`: its size, its delta, and its place: the number of a segment times {@link SPAN}, plus where in that its header room begins. */
const ENTRY = 3;

/** More than the bytes of a segment. */
const SPAN = 2 * SEGMENT_BYTES;

/**
 * The frames of one subgroup. Their payload is kept once, in segments, and shared by reference with every reader. A frame has no object of its
 * own: kept frames outlive the young generation of the heap, and moving an object for each of them was most of the work of a collection.
 *
 * Before a frame's first bytes is room for a header, so that the first dialect to write the log needs no copy.
 */
export class FrameLog {
  readonly #pool: SegmentPool;
  /** Readers may refer to its memory, which is therefore not used again. */
  #lent = false;
  #segments: Uint8Array[] = [];
  /** The segment that is being filled, also when it is not kept, and how many of its bytes are filled. */
  #segment: Uint8Array = NOTHING;
  #filled = 0;
  /** Bytes of all segments. */
  #allocated = 0;
  #index: number[] = [];
  #keeps = true;
  #size = 0;
  #delta = 0;
  #received = 0;
  /** Where the bytes of the last {@link append} begin in the segment. */
  #from = 0;
  /** The dialect whose headers are in the rooms. */
  #dialect: string | undefined;

  constructor(pool: SegmentPool) {
    this.#pool = pool;
  }

  /** Frames that are kept, with the one that is arriving. */
  get length(): number {
    return this.#index.length / ENTRY;
  }

  /** Of the last frame. `delta`: its timestamp minus that of the frame before; of the first frame the timestamp itself. */
  get size(): number {
    return this.#size;
  }

  get delta(): number {
    return this.#delta;
  }

  /** Bytes of the last frame so far. */
  get received(): number {
    return this.#received;
  }

  /** A frame begins. */
  begin(size: number, delta: number): void {
    this.#size = size;
    this.#delta = delta;
    this.#received = 0;
    if (this.#keeps) this.#index.push(size, delta, 0);
  }

  /** Copies bytes of the last frame in, from `at` on, as far as they fit into one segment. Returns the position after them. */
  append(bytes: Uint8Array, at: number): number {
    const left = bytes.length - at;
    if (this.#received === 0) this.#makeRoom(left);
    else if (!this.#keeps || this.#filled === this.#segment.length) this.#add(this.#keeps ? this.#missing : left);
    const take = Math.min(left, this.#segment.length - this.#filled);
    this.#segment.set(take === bytes.length ? bytes : bytes.subarray(at, at + take), this.#filled);
    this.#from = this.#filled;
    this.#filled += take;
    this.#received += take;
    return at + take;
  }

  /** Whether the last {@link append} had the first bytes of its frame. */
  get begins(): boolean {
    return this.#filled - this.#from === this.#received;
  }

  /** The bytes of the last {@link append}. */
  appended(): Uint8Array {
    return view(this.#segment, this.#from, this.#filled);
  }

  /** The same with the header of `dialect` before them. Nothing where the rooms have another dialect's headers. */
  headed(dialect: Dialect): Uint8Array | undefined {
    const from = this.#putHeader(dialect, this.#segment, this.#from, this.#size, this.#delta);
    return from < 0 ? undefined : view(this.#segment, from, this.#filled);
  }

  /** Adds the frames from index `from` to `to` to `into`, as `dialect` writes them. Of a frame that is arriving, its bytes so far.
   * Returns the bytes of payload. */
  encoded(dialect: Dialect, from: number, to: number, into: Uint8Array[]): number {
    let payload = 0;
    for (let frame = from; frame < to; frame++) {
      const at = frame * ENTRY;
      const [size, delta] = [this.#index[at] ?? 0, this.#index[at + 1] ?? 0];
      const place = this.#index[at + 2] ?? 0;
      let number = Math.floor(place / SPAN);
      let left = frame === this.length - 1 ? this.#received : size;
      let segment = this.#segments[number] ?? NOTHING;
      let start = (place % SPAN) + HEADER_ROOM;
      payload += left;
      const headed = left === 0 ? -1 : this.#putHeader(dialect, segment, start, size, delta);
      if (headed < 0) into.push(dialect.objectHeader(size, delta, 0, undefined, undefined, 0).slice());
      for (let first = true; left > 0; first = false) {
        const end = Math.min(start + left, segment.length);
        into.push(view(segment, first && headed >= 0 ? headed : start, end));
        left -= end - start;
        segment = this.#segments[++number] ?? NOTHING;
        start = 0;
      }
    }
    return payload;
  }

  /** Some reader keeps what is written to it by reference. */
  lend(): void {
    this.#lent = true;
  }

  /** No more frames come: index and last segment give back the memory that they do not need. */
  end(): void {
    this.#index = this.#index.slice();
    const last = this.#segments.length - 1;
    const from = this.#segments[last];
    this.#segment = NOTHING;
    if (from === undefined || sizeFor(this.#filled) === from.length) return;
    const to = this.#pool.take(this.#filled);
    to.set(from.subarray(0, this.#filled));
    this.#segments[last] = to;
    this.#pool.give([from], this.#lent);
  }

  /** Drops all frames. Further bytes are kept only until the next ones. */
  forget(): void {
    this.#keeps = false;
    this.#pool.give(this.#segments, this.#lent);
    this.#segments = [];
    this.#index = [];
  }

  /** Bytes of the last frame that are to come. */
  get #missing(): number {
    return Math.min(this.#size - this.#received, SEGMENT_BYTES);
  }

  /** Makes room for the first bytes of a frame and its header. `now`: how many bytes are there. */
  #makeRoom(now: number): void {
    const needed = this.#keeps ? Math.min(HEADER_ROOM + this.#size, SEGMENT_BYTES) : HEADER_ROOM + now;
    const rest = this.#segment.length - this.#filled;
    const fits = rest >= needed || (this.#size > WHOLE_BYTES && rest >= LEAST_REST);
    if (!this.#keeps || !fits) this.#add(needed);
    if (this.#keeps) {
      this.#index[this.#index.length - 1] = (this.#segments.length - 1) * SPAN + this.#filled;
    }
    this.#filled += HEADER_ROOM;
  }

  #add(bytes: number): void {
    this.#filled = 0;
    if (!this.#keeps) {
      this.#segment = new Uint8Array(bytes);
      return;
    }
    // Together as large as all before, so that a group has few segments and a short one is not larger than it must be.
    this.#segment = this.#pool.take(Math.max(bytes, Math.min(this.#allocated, SEGMENT_BYTES)));
    this.#segments.push(this.#segment);
    this.#allocated += this.#segment.length;
  }

  /** Writes a header that ends at `end`. Returns where it begins, or -1 where the rooms have another dialect's headers. */
  #putHeader(dialect: Dialect, into: Uint8Array, end: number, size: number, delta: number): number {
    this.#dialect ??= dialect.name;
    if (this.#dialect !== dialect.name) return -1;
    const header = dialect.objectHeader(size, delta, 0, undefined, undefined, 0);
    into.set(header, end - header.length);
    return end - header.length;
  }
}

const NOTHING = new Uint8Array(0);

function view(segment: Uint8Array, from: number, to: number): Uint8Array {
  return new Uint8Array(segment.buffer, segment.byteOffset + from, to - from);
}
