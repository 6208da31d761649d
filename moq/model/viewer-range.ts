import type { Content } from "./content.ts";
import type { Location, SubgroupStart, SubscribeOptions } from "./contract.ts";
import type { Group } from "./group.ts";
import { isBelow } from "./locations.ts";
import type { PublisherNumbering } from "./publisher-numbering.ts";
import { type Part, WHOLE } from "./replay.ts";

/** The part of a track that a range needs. */
export interface NumberedTrack {
  /** How the numbers of the publisher in use map to those of the track. */
  readonly feed: Pick<PublisherNumbering, "first" | "offset" | "lowest" | "named"> | undefined;
  readonly newest: Group | undefined;
}

export type Range = Pick<SubscribeOptions, "start" | "startObject" | "end" | "endObject">;

/** What one viewer asks for, in the track's numbers, and how the track's numbers map to those that the viewer sees. */
export class ViewerRange {
  readonly #track: NumberedTrack;
  readonly #ownNumbers: boolean;
  #options: SubscribeOptions;
  /** Where it began, if that is inside a group or after the newest one. In the track's numbers. */
  #joined: Location | undefined;
  /** Subtracted from the track's numbers for this viewer. Known with the first group of the publisher. */
  #shift: number | undefined;

  constructor(track: NumberedTrack, options: SubscribeOptions, ownNumbers: boolean) {
    this.#track = track;
    this.#options = options;
    this.#ownNumbers = ownNumbers;
  }

  update(options: SubscribeOptions): void {
    this.#options = options;
  }

  /** Numbers have been given to the viewer. */
  get numbered(): boolean {
    return this.#shift !== undefined;
  }

  /** The lowest number of the publisher in use, for a viewer that gets one publisher's groups. */
  get lowest(): number {
    return this.#ownNumbers ? (this.#track.feed?.lowest ?? 0) : 0;
  }

  /** The viewer joins now: options that ask for the next object or group are settled. */
  join(): void {
    const { start, join } = this.#options;
    const largest = largestOf(this.#track);
    if (start !== undefined || join === undefined || join === "newest_group" || largest === undefined) return;
    const { group, object } = largest;
    this.#joined = join === "next_group" ? { group: group + 1, object: 0 } : { group, object: object + 1 };
  }

  /** It goes on with the next object, after a pause. */
  resume(): void {
    const largest = largestOf(this.#track);
    if (largest !== undefined) this.#joined = { group: largest.group, object: largest.object + 1 };
  }

  /** What it asks for, in the track's numbers. */
  get range(): Range {
    if (!this.#ownNumbers && this.#joined === undefined) return this.#options;
    const { start, startObject, end, endObject } = this.#options;
    const shift = this.#shifted();
    let from: Location | undefined = this.#joined;
    if (start !== undefined) {
      const asked = {
        group: Math.max(start + shift, this.lowest),
        object: start + shift < this.lowest ? 0 : (startObject ?? 0),
      };
      if (from === undefined || from.group < asked.group) from = asked;
    }
    return {
      ...(from !== undefined && { start: from.group, startObject: from.object }),
      ...(end !== undefined && { end: end + shift }),
      ...(endObject !== undefined && { endObject }),
    };
  }

  /** The objects of `group` that it asks for. */
  partOf({ sequence }: Group): Part {
    const { start, startObject, end, endObject } = this.range;
    if (sequence !== start && sequence !== end) return WHOLE;
    return {
      first: sequence === start ? startObject : undefined,
      last: sequence === end ? endObject : undefined,
    };
  }

  /** The start of the stream of `content`, in the viewer's numbers. */
  startOf({ start, firstId }: Content, { first = 0 }: Part): SubgroupStart {
    const number = this.number(start.group);
    const skips = first > 0 && firstId < first;
    return number === start.group && !skips ? start : { ...start, group: number, ...(skips && { firstObject: false }) };
  }

  /** Whether it asks for the object. */
  has({ group, object }: Location): boolean {
    const { start, startObject = 0, end, endObject } = this.range;
    if (start !== undefined && (group < start || (group === start && object < startObject))) return false;
    return end === undefined || group < end || (group === end && object <= (endObject ?? object));
  }

  /** The track's number as this viewer sees it. Capped, because an end that the publisher named may be above what versions write. */
  number(sequence: number): number {
    return Math.min(Math.max(0, sequence - this.#shifted()), Number.MAX_SAFE_INTEGER);
  }

  /** The newest object in the viewer's numbers. Nothing where it is another publisher's. */
  get largest(): Location | undefined {
    const largest = largestOf(this.#track);
    if (largest === undefined || largest.group < this.lowest) return undefined;
    return { group: this.number(largest.group), object: largest.object };
  }

  #shifted(): number {
    if (!this.#ownNumbers) return 0;
    this.#shift ??= this.#track.feed?.offset;
    return this.#shift ?? 0;
  }
}

/** The newest object that is known, in the track's numbers: of a group that has come, or as the publisher named it. */
function largestOf({ feed, newest }: NumberedTrack): Location | undefined {
  const own = newest === undefined || newest.lastId < 0 ? undefined : { group: newest.sequence, object: newest.lastId };
  // The first group of a track keeps its publisher's number.
  const offset = feed?.offset ?? (newest === undefined ? 0 : undefined);
  if (feed?.named === undefined || offset === undefined) return own;
  const named = { group: feed.named.group + offset, object: feed.named.object };
  return own === undefined || isBelow(own, named) ? named : own;
}

/** The newest object of a track that is known. */
export interface LargestObject extends Location {
  /** Its publisher has said that no object follows. */
  readonly last?: true;
}

/** The newest object that is known, in its publisher's own numbers. Nothing where it is another publisher's than the one in use. */
export function ownLargest(track: NumberedTrack): LargestObject | undefined {
  const largest = largestOf(track);
  const group = (largest?.group ?? -1) - (track.feed?.offset ?? 0);
  if (largest === undefined || group < 0) return undefined;
  const { newest } = track;
  const isLast = newest?.endsTrack === true && newest.sequence === largest.group;
  return { group, object: largest.object, ...(isLast && { last: true }) };
}
