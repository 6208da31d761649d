import {
  type Allowance,
  BoundExceeded,
  FRAME_UNITS,
  PAYLOAD_UNIT_BITS,
  READ,
  UNBOUNDED,
  type WireLimits,
} from "../codec/index.ts";
import { CUT, CutHeader } from "./cut-header.ts";
import { checkPropertyBytes, ObjectPropertiesReader, PROPERTIES_UNIT_BITS } from "./object-properties.ts";
import { checkedStatus, NORMAL, type ObjectStatus } from "./object-status.ts";
import type { Capabilities } from "./versions.ts";

/** Is called with the objects of a subgroup as they arrive, in ascending order of their ids. */
export interface ObjectSink {
  /**
   * An object of `size` bytes begins. `timestamp` is in the units of {@link ObjectTarget}; absent where the object has none. `properties` are
   * in the form of draft 18 and later, empty where the object has none, and valid only during the call.
   */
  object(size: number, timestamp: number | undefined, id: number, properties: Uint8Array): void;
  /** The next bytes of the object, valid during the call. */
  payload(bytes: Uint8Array): void;
  /** The object is complete. */
  end(): void;
  /** An object without payload. */
  status(status: ObjectStatus, id: number, properties: Uint8Array): void;
}

/** Where the objects of a stream go. */
export interface ObjectTarget {
  readonly sink: ObjectSink;
  /** Units per second of the timestamps that the sink gets: the timescale of the track, or `DEFAULT_TIMESCALE`. */
  readonly timescale: number;
}

const CLAUSE = "Subgroup Object";

/**
 * Reads the objects of a subgroup stream after its header, from pieces of any size. Payloads are passed on as they arrive. Only a header
 * that is cut in two is copied.
 *
 * Draft 14 can say that an object does not exist. It is left out here: the ids around it say as much, and no other draft can write it.
 */
export class SubgroupObjectReader {
  readonly #caps: Capabilities;
  readonly #maxBytes: number;
  readonly #sink: ObjectSink;
  readonly #timescale: number;
  /** The objects have properties. */
  readonly #propertied: boolean;
  readonly #header: CutHeader;
  readonly #properties: ObjectPropertiesReader;
  /** Payload bytes of the current object that are missing; -1 between objects. */
  #missing = -1;
  /** Id of the current object, or of the last one; -1 before the first. */
  #id = -1;
  /** An object has said that the group or the track ends. */
  #ended = false;
  // The fields of the header that is being read.
  #delta = 0;
  #from = 0;
  #length = 0;
  #size = 0;
  #status = NORMAL;

  constructor(caps: Capabilities, limits: WireLimits, propertied: boolean, { sink, timescale }: ObjectTarget) {
    this.#caps = caps;
    this.#maxBytes = limits.frameBytes;
    this.#sink = sink;
    this.#timescale = timescale;
    this.#propertied = propertied;
    this.#header = new CutHeader(caps.varints, CLAUSE);
    this.#properties = new ObjectPropertiesReader(caps, this.#header);
  }

  /** Returns the bytes that the allowance leaves unread, valid until the next call. */
  push(bytes: Uint8Array, allowance: Allowance = UNBOUNDED): Uint8Array {
    let at = 0;
    while (at < bytes.length) {
      if (allowance.left <= 0 && !allowance.more()) return bytes.subarray(at);
      if (this.#missing < 0) {
        at = this.#begin(bytes, at, allowance);
        continue;
      }
      const take = Math.min(this.#missing, bytes.length - at);
      this.#missing -= take;
      allowance.left -= take >> PAYLOAD_UNIT_BITS;
      this.#sink.payload(at === 0 && take === bytes.length ? bytes : bytes.subarray(at, at + take));
      at += take;
      if (this.#missing === 0) this.#end();
    }
    return READ;
  }

  /** The stream has ended. Inside an object that is a violation. */
  finish(): void {
    if (this.#missing >= 0 || this.#header.held > 0) throw this.#header.violation("stream ends inside an object");
  }

  /** Reads a header, or holds the bytes so far of one that is cut. Returns the position after them. */
  #begin(bytes: Uint8Array, at: number, allowance: Allowance): number {
    const header = this.#header;
    header.begin(bytes, at);
    while (!this.#fields()) if (!header.more()) return bytes.length;
    allowance.left -= FRAME_UNITS + (this.#length >> PROPERTIES_UNIT_BITS);
    this.#open(header.bytes);
    return header.end();
  }

  /** Reads all fields of a header. False when it is cut. */
  #fields(): boolean {
    const header = this.#header;
    this.#delta = header.varint();
    if (this.#delta === CUT) return false;
    if (this.#propertied) {
      this.#length = header.varint();
      if (this.#length === CUT) return false;
      checkPropertyBytes(this.#length);
      this.#from = header.skip(this.#length);
      if (this.#from === CUT) return false;
    }
    this.#size = header.varint();
    if (this.#size === CUT) return false;
    this.#status = NORMAL;
    if (this.#size > 0) return true;
    this.#status = header.varint();
    return this.#status !== CUT;
  }

  #open(bytes: Uint8Array): void {
    if (this.#ended) throw this.#header.violation("object after the end of the group or track");
    this.#id = this.#id < 0 ? this.#delta : this.#id + 1 + this.#delta;
    if (!Number.isSafeInteger(this.#id)) throw this.#header.violation("id over 2^53-1");
    const properties = this.#properties.read(bytes, this.#from, this.#from + this.#length);
    if (this.#status !== NORMAL) {
      this.#state(properties);
      return;
    }
    if (this.#size > this.#maxBytes) {
      throw new BoundExceeded("frame_bytes", `object of ${this.#size} bytes, at most ${this.#maxBytes}`);
    }
    this.#missing = this.#size;
    this.#sink.object(this.#size, this.#properties.timestamp(this.#timescale), this.#id, properties);
    if (this.#size === 0) this.#end();
  }

  #state(properties: Uint8Array): void {
    const status = checkedStatus(this.#status, properties, this.#caps, this.#header);
    if (status === "does_not_exist") return;
    this.#ended = true;
    this.#sink.status(status, this.#id, properties);
  }

  #end(): void {
    this.#missing = -1;
    this.#sink.end();
  }
}
