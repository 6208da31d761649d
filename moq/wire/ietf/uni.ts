import { type Allowance, MESSAGE_UNITS, PAYLOAD_UNIT_BITS, READ, UNBOUNDED, type WireLimits } from "../codec/index.ts";
import { CUT, CutHeader } from "./cut-header.ts";
import { FetchObjectReader, type FetchTarget } from "./fetch-objects.ts";
import { hasProperties, isSubgroupType, type SubgroupHeader, SubgroupHeaderReader } from "./subgroup-header.ts";
import { type ObjectTarget, SubgroupObjectReader } from "./subgroup-objects.ts";
import type { Capabilities } from "./versions.ts";

/** Reads the rest of a stream. */
export interface StreamReader {
  /** Returns the bytes that the allowance leaves unread, valid until the next call. */
  push(bytes: Uint8Array, allowance: Allowance): Uint8Array;
  /** The stream has ended. */
  finish(): void;
}

/** Is called with what a unidirectional stream begins with. Where nothing is returned, the rest of the stream is ignored. */
export interface UniSink {
  /** SUBGROUP_HEADER is complete. `subgroup` follows now, or with the first object where that says what the header leaves open. */
  headed?(): void;
  /** `open` makes the reader of the objects, once it is known where they go. */
  subgroup(header: SubgroupHeader, open: (target: ObjectTarget) => StreamReader): StreamReader | undefined;
  /** The answer to a FETCH, or to what asked for a fill. */
  fetch(request: number): FetchTarget | undefined;
  /** The peer's control stream, in drafts where it is unidirectional. The reader gets what follows the stream type. */
  control(): StreamReader;
}

const FETCH_HEADER = 0x05;
const CONTROL = 0x2f00;
const PADDING_STREAM = 0x132b3e28;

/** Reads a unidirectional stream, starting with its type (Unidirectional Stream Types). */
export class UniReader {
  readonly #caps: Capabilities;
  readonly #limits: WireLimits;
  readonly #sink: UniSink;
  #header: CutHeader | undefined;
  #type: number | undefined;
  #subgroup: SubgroupHeaderReader | undefined;
  /** Reads what follows the header. */
  #rest: StreamReader | undefined;

  constructor(caps: Capabilities, limits: WireLimits, sink: UniSink) {
    this.#caps = caps;
    this.#limits = limits;
    this.#sink = sink;
    this.#header = new CutHeader(caps.varints, "Unidirectional Stream Types");
  }

  /**
   * The track alias of a subgroup stream, once its header is here. The sink may get the header later, with the first object. A stream that is
   * reset before counts as one of its track all the same (PUBLISH_DONE).
   */
  get trackAlias(): number | undefined {
    return this.#subgroup?.trackAlias;
  }

  /** Returns the bytes that the allowance leaves unread, valid until the next call. */
  push(bytes: Uint8Array, allowance: Allowance = UNBOUNDED): Uint8Array {
    let at = 0;
    while (at < bytes.length && this.#header !== undefined) at = this.#begin(this.#header, bytes, at, allowance);
    if (at === bytes.length) return READ;
    return this.#rest?.push(at === 0 ? bytes : bytes.subarray(at), allowance) ?? READ;
  }

  /** The stream has ended. Inside a header or object that is a violation, and none on an empty stream. */
  finish(): void {
    const header = this.#header;
    const subgroup = this.#subgroup;
    if (header !== undefined && subgroup?.trackAlias !== undefined && header.held === subgroup.length) {
      const empty = subgroup.withoutObjects;
      this.#follow(empty && this.#objects(empty));
    }
    this.#rest?.finish();
    if (this.#header === undefined) return;
    if (this.#header.held > 0 || this.#type !== undefined) {
      throw this.#header.violation("stream ends inside its header");
    }
  }

  /** Reads the type, or the fields that follow it. Returns the position after what has been read or held. */
  #begin(header: CutHeader, bytes: Uint8Array, at: number, allowance: Allowance): number {
    header.begin(bytes, at);
    if (this.#type !== undefined) return this.#beginFields(header, bytes.length, allowance);
    for (;;) {
      const type = header.varint();
      if (type !== CUT) {
        const after = header.end();
        this.#begins(type);
        return after;
      }
      if (!header.more()) return bytes.length;
    }
  }

  #begins(type: number): void {
    this.#type = type;
    if (isSubgroupType(type, this.#caps)) {
      this.#header = new CutHeader(this.#caps.varints, "SUBGROUP_HEADER");
      this.#subgroup = new SubgroupHeaderReader(type, this.#caps);
    } else if (type === FETCH_HEADER) {
      this.#header = new CutHeader(this.#caps.varints, "FETCH_HEADER");
    } else if (type === CONTROL && this.#caps.requestStreams) {
      this.#follow(this.#sink.control());
    } else if (type === PADDING_STREAM && this.#caps.padding) {
      this.#follow(PADDING);
    } else {
      throw this.#header?.violation("unknown stream type") ?? new Error("no header");
    }
  }

  /** What follows the header goes to `rest`; nowhere when there is none. */
  #follow(rest: StreamReader | undefined): void {
    this.#rest = rest ?? IGNORED;
    this.#header = undefined;
  }

  #beginFields(header: CutHeader, length: number, allowance: Allowance): number {
    const subgroup = this.#subgroup;
    for (;;) {
      const known = this.trackAlias !== undefined;
      const found = subgroup === undefined ? this.#fetchHeader(header) : subgroup.read(header);
      if (!known && this.trackAlias !== undefined) this.#sink.headed?.();
      if (found !== undefined) {
        allowance.left -= MESSAGE_UNITS;
        const peeked = header.peeked();
        const after = header.end();
        this.#follow(typeof found === "number" ? this.#fetch(found) : this.#objects(found));
        // At most one varint, which is part of the first object.
        if (peeked.length > 0) this.#rest?.push(peeked, UNBOUNDED);
        return after;
      }
      if (!header.more()) return length;
    }
  }

  #fetchHeader(header: CutHeader): number | undefined {
    const request = header.varint();
    return request === CUT ? undefined : request;
  }

  #fetch(request: number): StreamReader | undefined {
    const target = this.#sink.fetch(request);
    return target && new FetchObjectReader(this.#caps, this.#limits, target);
  }

  #objects(header: SubgroupHeader): StreamReader | undefined {
    const propertied = hasProperties(this.#type ?? 0);
    return this.#sink.subgroup(
      header,
      (target) => new SubgroupObjectReader(this.#caps, this.#limits, propertied, target),
    );
  }
}

/** Of a stream that nobody wants, which its owner stops. */
const IGNORED: StreamReader = { push: () => READ, finish: () => {} };

/** A padding stream is read and dropped. */
const PADDING: StreamReader = {
  push: (bytes, allowance) => {
    allowance.left -= bytes.length >> PAYLOAD_UNIT_BITS;
    return READ;
  },
  finish: () => {},
};
