import { CUT, type CutHeader } from "./cut-header.ts";
import { checkPropertyBytes } from "./object-properties.ts";
import { NORMAL } from "./object-status.ts";
import type { Capabilities } from "./versions.ts";

/** Serialization Flags: two bits for the subgroup, and one for each field that is present. */
export const SUBGROUP_MODE = 0x03;
export const SUBGROUP_PRIOR = 0x01;
export const SUBGROUP_AFTER_PRIOR = 0x02;
export const SUBGROUP_GIVEN = 0x03;
export const OBJECT_GIVEN = 0x04;
export const GROUP_GIVEN = 0x08;
export const PRIORITY_GIVEN = 0x10;
export const PROPERTIES_GIVEN = 0x20;
export const DATAGRAM = 0x40;
/** Flags from here on are no flags, but End of Range. */
const FLAGS_END = 0x80;
export const END_OF_RANGE = { nonexistent: 0x8c, unknown: 0x10c, timed_out: 0x20c } as const;

type Gap = keyof typeof END_OF_RANGE;

/** All bits but those of a prior object: what draft 14 has without flags. */
const EVERYTHING = SUBGROUP_GIVEN | OBJECT_GIVEN | GROUP_GIVEN | PRIORITY_GIVEN | PROPERTIES_GIVEN;

/**
 * The fields of one object of a fetch after another, up to its payload. `read` gets them from the stream, and `resolve` computes from them
 * and the object before what they mean.
 *
 * End of Range has its location as it is, and no payload length, as peers write it; the text of the drafts does not say
 * (moq-wg/moq-transport#1861). A payload length of 0 is skipped where it cannot be anything else.
 */
export class FetchFields {
  readonly #caps: Capabilities;
  readonly #descending: boolean;
  readonly #header: CutHeader;
  #flags = 0;
  #groupField = 0;
  #subgroupField = 0;
  #objectField = 0;
  #priorityField = 0;
  /** There was an object or an End of Range before. */
  #any = false;
  /** The record before was an End of Range. */
  #afterGap = false;
  /** It was, and what has been read of the next record begins with 0. */
  #zeroAfterGap = false;
  /** Subgroup of the last object that had one, and priority of the last object; -1 when there was none. */
  #lastSubgroup = -1;
  #lastPriority = -1;

  group = 0;
  object = 0;
  subgroup: number | undefined;
  priority: number | undefined;
  /** Where the properties are in the header's bytes. */
  from = 0;
  length = 0;
  /** Bytes of payload. */
  size = 0;
  status = NORMAL;
  /** The record is an End of Range of this kind. */
  gap: Gap | undefined;

  constructor(caps: Capabilities, descending: boolean, header: CutHeader) {
    this.#caps = caps;
    this.#descending = descending;
    this.#header = header;
  }

  /** The stream may end with what has been read: it is the payload length of an End of Range. */
  get mayEnd(): boolean {
    return this.#zeroAfterGap && this.#header.held === 1;
  }

  /** Reads all fields, from the first one on. False when the header is cut. */
  read(): boolean {
    const header = this.#header;
    this.length = 0;
    this.#flags = this.#caps.fetchFlags ? header.varint() : EVERYTHING;
    this.#zeroAfterGap = this.#afterGap && this.#flags === 0;
    // These flags would refer to the priority of an object before. Where there was none, this is the payload length.
    if (this.#zeroAfterGap && this.#lastPriority < 0) this.#flags = header.varint();
    if (this.#flags === CUT) return false;
    this.gap = this.#flags < FLAGS_END ? undefined : this.#gap();
    return this.#readIds() && (this.gap !== undefined || this.#readRest());
  }

  /** Computes location, subgroup and priority. What refers to an object that was not there is a violation. */
  resolve(): void {
    if (this.#caps.fetchDeltas && this.gap === undefined) this.#resolveDeltas();
    else this.#resolveIds();
    if (!Number.isSafeInteger(this.group) || !Number.isSafeInteger(this.object)) {
      throw this.#header.violation("id over 2^53-1");
    }
    this.#any = true;
    this.#afterGap = this.gap !== undefined;
    if (this.#afterGap) return;
    this.#resolveSubgroup();
    const given = (this.#flags & PRIORITY_GIVEN) !== 0;
    if (!given && this.#lastPriority < 0 && this.#caps.fetchPriority) throw this.#noPrior();
    if (given) this.#lastPriority = this.#priorityField;
    this.priority = this.#lastPriority < 0 ? undefined : this.#lastPriority;
  }

  #gap(): Gap {
    switch (this.#flags) {
      case END_OF_RANGE.nonexistent:
        return "nonexistent";
      case END_OF_RANGE.unknown:
        return "unknown";
      case END_OF_RANGE.timed_out:
        if (this.#caps.timedOutRange) return "timed_out";
    }
    throw this.#header.violation("unknown serialization flags");
  }

  #readIds(): boolean {
    const header = this.#header;
    const flags = this.#flags;
    this.#groupField = (flags & GROUP_GIVEN) === 0 ? 0 : header.varint();
    if (this.#groupField === CUT) return false;
    const subgroup = this.gap === undefined && (flags & DATAGRAM) === 0 && (flags & SUBGROUP_MODE) === SUBGROUP_GIVEN;
    this.#subgroupField = subgroup ? header.varint() : 0;
    if (this.#subgroupField === CUT) return false;
    this.#objectField = (flags & OBJECT_GIVEN) === 0 ? 0 : header.varint();
    return this.#objectField !== CUT;
  }

  #readRest(): boolean {
    const header = this.#header;
    this.#priorityField = (this.#flags & PRIORITY_GIVEN) === 0 ? 0 : header.u8();
    if (this.#priorityField === CUT) return false;
    this.length = (this.#flags & PROPERTIES_GIVEN) === 0 ? 0 : header.varint();
    if (this.length === CUT) return false;
    checkPropertyBytes(this.length);
    this.from = header.skip(this.length);
    if (this.from === CUT) return false;
    this.size = header.varint();
    if (this.size === CUT) return false;
    this.status = this.size === 0 && this.#caps.fetchStatus ? header.varint() : NORMAL;
    return this.status !== CUT;
  }

  /** Group and object as they are. What is not there is that of the object before, or follows it. */
  #resolveIds(): void {
    const { group, object } = this;
    if ((this.#flags & GROUP_GIVEN) !== 0) this.group = this.#groupField;
    else if (!this.#any) throw this.#noPrior();
    if ((this.#flags & OBJECT_GIVEN) !== 0) this.object = this.#objectField;
    else if (this.#any) this.object = object + 1;
    else throw this.#noPrior();
    this.#checkOrder(group, object);
  }

  /** Group and object as the difference from the object before. */
  #resolveDeltas(): void {
    const { group, object } = this;
    const groupGiven = (this.#flags & GROUP_GIVEN) !== 0;
    const objectGiven = (this.#flags & OBJECT_GIVEN) !== 0;
    if (!this.#any) {
      if (!groupGiven || !objectGiven) throw this.#noPrior();
      this.group = this.#groupField;
      this.object = this.#objectField;
      return;
    }
    if (groupGiven) this.group = this.#descending ? group - this.#groupField - 1 : group + this.#groupField + 1;
    if (this.group < 0) throw this.#header.violation("group below 0");
    if (objectGiven) this.object = groupGiven ? this.#objectField : object + this.#objectField;
    else this.object = object + 1;
    this.#checkOrder(group, object);
  }

  /** Each object comes after the one before; End of Range may be at it. */
  #checkOrder(group: number, object: number): void {
    if (!this.#any) return;
    const ahead = this.#descending ? group - this.group : this.group - group;
    const least = this.gap === undefined ? object + 1 : object;
    if (ahead < 0 || (ahead === 0 && this.object < least)) throw this.#header.violation("objects out of order");
  }

  #resolveSubgroup(): void {
    if ((this.#flags & DATAGRAM) !== 0) {
      this.subgroup = undefined;
      return;
    }
    const mode = this.#flags & SUBGROUP_MODE;
    const refers = mode === SUBGROUP_PRIOR || mode === SUBGROUP_AFTER_PRIOR;
    if (refers && this.#lastSubgroup < 0) throw this.#noPrior();
    const subgroup = refers ? this.#lastSubgroup + (mode === SUBGROUP_PRIOR ? 0 : 1) : this.#subgroupField;
    if (!Number.isSafeInteger(subgroup)) throw this.#header.violation("id over 2^53-1");
    this.subgroup = subgroup;
    this.#lastSubgroup = subgroup;
  }

  #noPrior(): Error {
    return this.#header.violation("refers to an object that was not there");
  }
}
