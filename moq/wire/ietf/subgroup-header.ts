import { newWriter } from "./codec.ts";
import { CUT, type CutHeader } from "./cut-header.ts";
import type { Capabilities } from "./versions.ts";

/** SUBGROUP_HEADER: what all objects of a stream have in common. */
export interface SubgroupHeader {
  readonly trackAlias: number;
  readonly group: number;
  readonly subgroup: number;
  /** 0 to 255, lower first. Absent: that of the track. */
  readonly priority?: number;
  /**
   * The first object on the stream is the first one of the subgroup. Where the header does not say so, and drafts before 18 cannot, it is read
   * as true for an object of id 0, and in drafts before 18 for one whose id is that of the subgroup.
   */
  readonly firstObject: boolean;
  /** When the stream finishes, the group has no object after the last one on it. */
  readonly endsGroup: boolean;
}

/** Bits of the type. */
const SUBGROUP = 0x10;
const PROPERTIES = 0x01;
const ID_MODE = 0x06;
const ID_ZERO = 0x00;
const ID_OF_FIRST_OBJECT = 0x02;
const ID_GIVEN = 0x04;
const END_OF_GROUP = 0x08;
const DEFAULT_PRIORITY = 0x20;
const FIRST_OBJECT = 0x40;

/** Where draft 14 needs a priority: that of a track for which none is said. */
const MIDDLE_PRIORITY = 128;

/** Whether a stream or datagram of this type has objects of a subgroup, in a form that the draft has. */
export function isSubgroupType(type: number, caps: Capabilities): boolean {
  const known = SUBGROUP | PROPERTIES | ID_MODE | END_OF_GROUP | typeBits(caps);
  return type < 0x80 && (type & SUBGROUP) !== 0 && (type & ~known) === 0 && (type & ID_MODE) !== ID_MODE;
}

function typeBits({ defaultPriority, firstObjectBit }: Capabilities): number {
  return (defaultPriority ? DEFAULT_PRIORITY : 0) | (firstObjectBit ? FIRST_OBJECT : 0);
}

/** Whether the objects of such a stream have properties. */
export function hasProperties(type: number): boolean {
  return (type & PROPERTIES) !== 0;
}

/** The type and SUBGROUP_HEADER, as a subgroup stream begins. Its objects have properties (`encodeObjectHeader`). */
export function encodeSubgroupHeader(header: SubgroupHeader, caps: Capabilities): Uint8Array {
  const { subgroup, priority, endsGroup, firstObject } = header;
  const noPriority = priority === undefined && caps.defaultPriority;
  const type =
    SUBGROUP |
    PROPERTIES |
    (subgroup === 0 ? ID_ZERO : ID_GIVEN) |
    (endsGroup ? END_OF_GROUP : 0) |
    (noPriority ? DEFAULT_PRIORITY : 0) |
    (firstObject && caps.firstObjectBit ? FIRST_OBJECT : 0);
  const writer = newWriter(caps).varint(type).varint(header.trackAlias).varint(header.group);
  if (subgroup !== 0) writer.varint(subgroup);
  if (!noPriority) writer.u8(priority ?? MIDDLE_PRIORITY);
  return writer.finish();
}

/** Reads what follows the type, from pieces. */
export class SubgroupHeaderReader {
  readonly #type: number;
  readonly #caps: Capabilities;
  #complete: SubgroupHeader | undefined;
  #alias: number | undefined;
  #length = 0;

  constructor(type: number, caps: Capabilities) {
    this.#type = type;
    this.#caps = caps;
  }

  /** Known once the header is here. */
  get trackAlias(): number | undefined {
    return this.#alias;
  }

  /** The header of a stream without objects; absent while it is cut, and where the subgroup has the id of its first object. */
  get withoutObjects(): SubgroupHeader | undefined {
    return this.#complete;
  }

  /** Bytes of the header, once it is here. */
  get length(): number {
    return this.#length;
  }

  /**
   * Reads from the first field on. Absent: the header is cut, or the id of the first object, where it must be known. This id is read again
   * as part of the object.
   */
  read(from: CutHeader): SubgroupHeader | undefined {
    const type = this.#type;
    const trackAlias = from.varint();
    const group = trackAlias === CUT ? CUT : from.varint();
    if (group === CUT) return undefined;
    const given = (type & ID_MODE) === ID_GIVEN ? from.varint() : 0;
    if (given === CUT) return undefined;
    const priority = (type & DEFAULT_PRIORITY) === 0 ? from.u8() : undefined;
    if (priority === CUT) return undefined;
    this.#alias = trackAlias;
    this.#length = from.length;
    const header = {
      trackAlias,
      group,
      subgroup: given,
      ...(priority === undefined ? {} : { priority }),
      firstObject: (type & FIRST_OBJECT) !== 0,
      endsGroup: (type & END_OF_GROUP) !== 0,
    };
    const named = (type & ID_MODE) !== ID_OF_FIRST_OBJECT;
    if (named) this.#complete = header;
    if (named && header.firstObject) return header;
    const first = from.peekVarint();
    if (first === CUT) return undefined;
    const subgroup = named ? given : first;
    const isFirst = first === 0 || (!this.#caps.firstObjectBit && first === subgroup);
    return { ...header, subgroup, firstObject: header.firstObject || isFirst };
  }
}
