import { type Dialect, HEADER_ROOM, type ObjectStatus, type SubgroupWriter } from "./contract.ts";
import type { KeptObject } from "./kept-object.ts";
import { type SegmentPool, sizeFor } from "./segment-pool.ts";

/** Bytes of an object that are allocated before they arrive. A peer that names a large size and sends nothing costs no more than this. */
const SEGMENT_BYTES = 64 * 1024;

/** Objects up to this size begin in a new segment where they do not fit into the rest of the last one, because each piece costs a write. */
const WHOLE_BYTES = SEGMENT_BYTES / 4;

/** Of a segment with fewer bytes left the rest stays empty. */
const LEAST_REST = 4 * 1024;

/** Bytes of one object beside its payload, as measured with `process.memoryUsage()`. The cache charges them. */
export const FRAME_OVERHEAD = 240;

/** Properties of one object in bytes. Far below {@link SEGMENT_BYTES}, because a segment has room for them twice. */
export const MAX_PROPERTIES = 16 * 1024;

/**
 * Numbers of an object in `#index`: its size, its timestamp, and its place: the number of a segment times {@link SPAN}, plus where in that
 * its properties begin, or the room for its header where it has none.
 */
const ENTRY = 3;

/** More than the bytes of a segment. */
const SPAN = 2 * SEGMENT_BYTES;

/** In `#propertyBytes`: the publisher's version has no properties. */
const ABSENT = -1;

/**
 * The objects of one subgroup. Their payload is kept once, in segments, and shared by reference with every reader. An object of the track has
 * no object of the program: kept ones outlive the young generation of the heap, and moving one for each was most of the work of a collection.
 *
 * In a segment an object is: its properties, room for a header that contains them, its payload. So the first dialect to write the log needs no copy.
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
  #firstId = 0;
  /** By index, once ids are not consecutive. */
  #ids: number[] | undefined;
  /** Bytes of properties by index, once an object has some or could have. */
  #propertyBytes: number[] | undefined;
  /** By index, once there is one. */
  #statuses: Map<number, ObjectStatus> | undefined;
  #keeps = true;
  #size = 0;
  #id = -1;
  #idDelta = 0;
  #timestamp = 0;
  #delta = 0;
  #properties: Uint8Array | undefined;
  #received = 0;
  /** The last object has room for its header already. */
  #hasRoom = false;
  /** Where the bytes of the last {@link append} begin in the segment. */
  #from = 0;
  /** The dialect whose headers are in the rooms. */
  #dialect: string | undefined;

  constructor(pool: SegmentPool) {
    this.#pool = pool;
  }

  /** Objects that are kept, with the one that is arriving. */
  get length(): number {
    return this.#index.length / ENTRY;
  }

  /** Of the last object: its size, its id, and its timestamp. Before the first one 0, -1 and 0. */
  get size(): number {
    return this.#size;
  }

  /** The id of the first object; 0 before it. */
  get firstId(): number {
    return this.#firstId;
  }

  get id(): number {
    return this.#id;
  }

  get timestamp(): number {
    return this.#timestamp;
  }

  /** Of the object before the last one; -1 and 0 without one. */
  get idBefore(): number {
    return this.#id - this.#idDelta - 1;
  }

  get timestampBefore(): number {
    return this.#timestamp - this.#delta;
  }

  /** Of the last object. */
  get properties(): Uint8Array | undefined {
    return this.#properties;
  }

  /** Bytes of the last object so far. */
  get received(): number {
    return this.#received;
  }

  /** An object begins, or is whole at once where it has a status. */
  begin(
    size: number,
    timestamp: number,
    id: number,
    properties: Uint8Array | undefined,
    status: ObjectStatus | undefined,
  ): void {
    const before = this.#id;
    this.#delta = timestamp - this.#timestamp;
    this.#idDelta = id - this.#id - 1;
    this.#size = size;
    this.#timestamp = timestamp;
    this.#id = id;
    this.#received = 0;
    this.#hasRoom = false;
    if (before < 0) this.#firstId = id;
    if (this.#keeps) {
      this.#index.push(size, timestamp, 0);
      const index = this.length - 1;
      if (this.#ids !== undefined) this.#ids.push(id);
      else if (id !== this.#firstId + index) this.#listIds(index, id);
      if (status !== undefined) {
        this.#statuses ??= new Map();
        this.#statuses.set(index, status);
      }
    }
    if (properties !== undefined || this.#propertyBytes !== undefined) this.#putProperties(properties);
    else this.#properties = undefined;
  }

  /** Copies bytes of the last object in, from `at` on, as far as they fit into one segment. Returns the position after them. */
  append(bytes: Uint8Array, at: number): number {
    const left = bytes.length - at;
    if (this.#received === 0 && !this.#hasRoom) this.#makeRoom(left, this.#properties?.length ?? 0);
    else if (!this.#keeps || this.#filled === this.#segment.length) this.#add(this.#keeps ? this.#missing : left);
    const take = Math.min(left, this.#segment.length - this.#filled);
    this.#segment.set(take === bytes.length ? bytes : bytes.subarray(at, at + take), this.#filled);
    this.#from = this.#filled;
    this.#filled += take;
    this.#received += take;
    return at + take;
  }

  /** Whether the last {@link append} had the first bytes of its object. */
  get begins(): boolean {
    return this.#filled - this.#from === this.#received;
  }

  /** The bytes of the last {@link append}. */
  appended(): Uint8Array {
    return view(this.#segment, this.#from, this.#filled);
  }

  /** The same with the header of `dialect` before them. Nothing where the header does not fit into the room, or another dialect's is there. */
  headed(dialect: Dialect): Uint8Array | undefined {
    if (this.#lacksRoomFor(dialect)) return undefined;
    const from = this.#putHeader(this.#lastHeader(dialect), this.#segment, this.#from, this.#properties);
    return from < 0 ? undefined : view(this.#segment, from, this.#filled);
  }

  /** The header of the last object in memory of its own. */
  header(dialect: Dialect, status?: ObjectStatus): Uint8Array {
    return this.#lastHeader(dialect, status).slice();
  }

  /** The same after another object than the one before it: one with that timestamp and id. */
  headerAfter(dialect: Dialect, timestamp: number, id: number, status?: ObjectStatus): Uint8Array {
    const [delta, idDelta] = [this.#timestamp - timestamp, this.#id - id - 1];
    return dialect.objectHeader(this.#size, delta, idDelta, this.#properties, status, this.#timestamp).slice();
  }

  /**
   * Adds the objects from index `from` to `to` to `into`, as `dialect` writes them. Of an object that is arriving, its bytes so far. Returns
   * the bytes of payload. `fresh`: the first of them is the first object of its stream.
   */
  encoded(dialect: Dialect, from: number, to: number, into: Uint8Array[], fresh = from === 0): number {
    let payload = 0;
    let before = fresh ? 0 : this.timestampAt(from - 1);
    let idBefore = fresh ? -1 : this.idAt(from - 1);
    const inRooms = !this.#lacksRoomFor(dialect);
    // The rooms have headers of objects that follow the one before here.
    let startsInside = fresh && from > 0;
    for (let frame = from; frame < to; frame++) {
      const status = this.#statuses?.get(frame);
      const timestamp = this.timestampAt(frame);
      const id = this.idAt(frame);
      if (status === undefined || dialect.subgroups) {
        const mayUseRoom = inRooms && !startsInside;
        payload += this.#encode(dialect, frame, timestamp - before, id - idBefore - 1, mayUseRoom, into);
        before = timestamp;
        idBefore = id;
        startsInside = false;
      }
    }
    return payload;
  }

  /** As {@link encoded}, of one object, whose timestamp is written as a delta from `before`. Its header is a piece of its own. */
  encodedAfter(dialect: Dialect, index: number, before: number, into: Uint8Array[], idDelta = 0): number {
    return this.#encode(dialect, index, this.timestampAt(index) - before, idDelta, false, into);
  }

  idAt(index: number): number {
    return this.#ids === undefined ? this.#firstId + index : (this.#ids[index] ?? 0);
  }

  timestampAt(index: number): number {
    return this.#index[index * ENTRY + 1] ?? 0;
  }

  statusAt(index: number): ObjectStatus | undefined {
    return this.#statuses?.get(index);
  }

  /** The index of the first object whose id is `id` or higher; {@link length} where there is none. */
  indexOf(id: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.idAt(middle) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** What is known of the object at `index`, valid until the next call. The properties are a view of the log's memory. */
  describe(index: number): Readonly<KeptObject> {
    const into = DESCRIBED;
    into.id = this.idAt(index);
    into.size = this.#index[index * ENTRY] ?? 0;
    into.timestamp = this.timestampAt(index);
    into.status = this.#statuses?.get(index);
    into.properties = this.#propertiesAt(index);
    return into;
  }

  /**
   * Gives the objects from index `from` to `to` to `reader`, which keeps nothing of them. Of an object that is arriving, its bytes so far,
   * without its end.
   */
  read(reader: Pick<SubgroupWriter, "object" | "payload" | "end" | "status">, from: number, to: number): void {
    const pieces: Uint8Array[] = [];
    for (let index = from; index < to; index++) {
      const { id, size, timestamp, status, properties } = this.describe(index);
      if (status !== undefined) {
        reader.status(status, id, properties);
        continue;
      }
      reader.object(size, timestamp, id, properties);
      pieces.length = 0;
      const bytes = size === 0 ? 0 : this.#pushPayload(index, NO_HEADER, pieces);
      for (const piece of pieces) reader.payload(piece);
      if (bytes === size) reader.end();
    }
  }

  /** Some reader keeps what is written to it by reference. */
  lend(): void {
    this.#lent = true;
  }

  /** No more objects come: index and last segment give back the memory that they do not need. */
  end(): void {
    this.#index = this.#index.slice();
    this.#ids = this.#ids?.slice();
    this.#propertyBytes = this.#propertyBytes?.slice();
    const last = this.#segments.length - 1;
    const from = this.#segments[last];
    this.#segment = NOTHING;
    if (from === undefined || sizeFor(this.#filled) === from.length) return;
    const to = this.#pool.take(this.#filled);
    to.set(from.subarray(0, this.#filled));
    this.#segments[last] = to;
    this.#pool.give([from], this.#lent);
  }

  /** Drops all objects. Further bytes are kept only until the next ones. */
  forget(): void {
    this.#keeps = false;
    this.#hasRoom = false;
    this.#properties = this.#properties?.slice();
    this.#pool.give(this.#segments, this.#lent);
    this.#segments = [];
    this.#index = [];
    this.#ids = undefined;
    this.#propertyBytes = undefined;
    this.#statuses = undefined;
  }

  /** Bytes of the last object that are to come. */
  get #missing(): number {
    return Math.min(this.#size - this.#received, SEGMENT_BYTES);
  }

  #propertiesAt(index: number): Uint8Array | undefined {
    const bytes = this.#propertyBytes?.[index] ?? ABSENT;
    if (bytes <= 0) return bytes === ABSENT ? undefined : NOTHING;
    const place = this.#index[index * ENTRY + 2] ?? 0;
    const segment = this.#segments[Math.floor(place / SPAN)] ?? NOTHING;
    return view(segment, place % SPAN, (place % SPAN) + bytes);
  }

  /** From `index` on ids are not consecutive. */
  #listIds(index: number, id: number): void {
    this.#ids = Array.from({ length: index }, (_, before) => this.#firstId + before);
    this.#ids.push(id);
  }

  /** The last object has `properties`. */
  #putProperties(properties: Uint8Array | undefined): void {
    const bytes = properties?.length ?? ABSENT;
    this.#properties = bytes === 0 ? NOTHING : properties?.slice();
    if (!this.#keeps) return;
    this.#propertyBytes ??= Array.from({ length: this.length - 1 }, () => ABSENT);
    this.#propertyBytes.push(bytes);
    if (properties === undefined || bytes <= 0) return;
    this.#makeRoom(0, bytes);
    this.#hasRoom = true;
    const place = (this.#index.at(-1) ?? 0) % SPAN;
    this.#segment.set(properties, place);
    this.#properties = view(this.#segment, place, place + bytes);
  }

  /** Makes room for the first bytes of an object, its header and `properties` bytes of properties. `now`: how many bytes are there. */
  #makeRoom(now: number, properties: number): void {
    const head = HEADER_ROOM + properties;
    // A log that is not kept needs the properties in the header alone.
    const before = this.#keeps ? head + properties : head;
    const needed = this.#keeps ? Math.min(before + this.#size, Math.max(before, SEGMENT_BYTES)) : before + now;
    const rest = this.#segment.length - this.#filled;
    const fits = rest >= needed || (this.#size > WHOLE_BYTES && rest >= before + LEAST_REST);
    if (!this.#keeps || !fits) this.#add(needed);
    if (this.#keeps) {
      this.#index[this.#index.length - 1] = (this.#segments.length - 1) * SPAN + this.#filled;
    }
    this.#filled += before;
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

  /** Whether the rooms have another dialect's headers. The first dialect that asks gets them. */
  #lacksRoomFor({ name, headers = name }: Dialect): boolean {
    this.#dialect ??= headers;
    return this.#dialect !== headers;
  }

  #lastHeader(dialect: Dialect, status?: ObjectStatus): Uint8Array {
    return dialect.objectHeader(this.#size, this.#delta, this.#idDelta, this.#properties, status, this.#timestamp);
  }

  /** Writes a header that ends at `end`. Returns where it begins, or -1 where the room is too small. */
  #putHeader(header: Uint8Array, into: Uint8Array, end: number, properties: Uint8Array | undefined): number {
    if (header.length > HEADER_ROOM + (properties?.length ?? 0)) return NO_HEADER;
    into.set(header, end - header.length);
    return end - header.length;
  }

  #encode(
    dialect: Dialect,
    index: number,
    delta: number,
    idDelta: number,
    mayUseRoom: boolean,
    into: Uint8Array[],
  ): number {
    const at = index * ENTRY;
    const size = this.#index[at] ?? 0;
    const place = this.#index[at + 2] ?? 0;
    const properties = this.#propertiesAt(index);
    const header = dialect.objectHeader(
      size,
      delta,
      idDelta,
      properties,
      this.#statuses?.get(index),
      this.timestampAt(index),
    );
    const hasPayload = size > 0 && (index < this.length - 1 || this.#received > 0);
    let from = NO_HEADER;
    if (mayUseRoom && hasPayload) {
      const segment = this.#segments[Math.floor(place / SPAN)] ?? NOTHING;
      from = this.#putHeader(header, segment, this.#payloadFrom(index, place), properties);
    }
    if (from < 0) into.push(header.slice());
    return hasPayload ? this.#pushPayload(index, from, into) : 0;
  }

  /** Where in its segment the payload of an object at `place` begins. */
  #payloadFrom(index: number, place: number): number {
    return (place % SPAN) + HEADER_ROOM + 2 * Math.max(0, this.#propertyBytes?.[index] ?? 0);
  }

  /** Adds the payload of an object to `into`. `headed`: where its header begins in the segment; {@link NO_HEADER}: it is not added. */
  #pushPayload(index: number, headed: number, into: Uint8Array[]): number {
    const at = index * ENTRY;
    const place = this.#index[at + 2] ?? 0;
    const bytes = index === this.length - 1 ? this.#received : (this.#index[at] ?? 0);
    let number = Math.floor(place / SPAN);
    let segment = this.#segments[number] ?? NOTHING;
    let start = this.#payloadFrom(index, place);
    let from = headed < 0 ? start : headed;
    for (let left = bytes; left > 0; ) {
      const end = Math.min(start + left, segment.length);
      if (end > from) into.push(view(segment, from, end));
      left -= end - start;
      segment = this.#segments[++number] ?? NOTHING;
      start = 0;
      from = 0;
      if (left > 0 && segment.length === 0) break;
    }
    return bytes;
  }
}

const DESCRIBED: KeptObject = { id: 0, size: 0, timestamp: 0, status: undefined, properties: undefined };
const NOTHING = new Uint8Array(0);
const NO_HEADER = -1;

function view(segment: Uint8Array, from: number, to: number): Uint8Array {
  return new Uint8Array(segment.buffer, segment.byteOffset + from, to - from);
}
