import type { Location, Source, Upstream } from "./contract.ts";
import { isBelow } from "./locations.ts";

/**
 * How many numbers below the first group to arrive may still come, where the publisher does not name its first group: groups overtake
 * each other. A guess, because a publisher's numbers need not be consecutive.
 */
export const OVERTAKEN = 8;

/** The highest number of a group. Versions write the number after it plus one, which all peers must be able to read. */
const LAST_SEQUENCE = Number.MAX_SAFE_INTEGER - 2;

/** A track's subscription at one publisher, and how that publisher's numbers and times map to those of the track. */
export class PublisherNumbering {
  readonly source: Source;
  /** Which publisher of the path it is; the same for routes to the same content. */
  readonly generation: number;
  upstream: Upstream | undefined;
  /** Units of its timestamps per second. Unknown until its properties are known. */
  timescale: number | undefined;
  /** Where the subscription begins inside a group, in its own numbers. */
  joined: Location | undefined;
  /** False once the track has detached from it. */
  alive = true;
  #named: Location | undefined;
  #whole: number;
  /** Groups up to this one were sent when it fed the track before, in its own numbers. */
  #after: number;
  #offset: number | undefined;
  /** The first group that the publisher named, in its own numbers. */
  #start: number | undefined;
  /** The lowest number of the track that may be one of its groups. Unknown until its first group. */
  #lowest: number | undefined;
  #exhausted = false;

  /** `before`: the numbering that this one continues, of the same content or the same publisher. */
  constructor(source: Source, generation: number, before: { offset?: number; lowest?: number; whole?: number } = {}) {
    this.source = source;
    this.generation = generation;
    this.#offset = before.offset;
    this.#lowest = before.lowest;
    this.#after = before.whole ?? -1;
    this.#whole = this.#after;
  }

  /** For the next source of the same content. */
  get numbering(): { offset?: number; lowest?: number } {
    if (this.#offset === undefined) return {};
    return { offset: this.#offset, ...(this.#lowest === undefined ? {} : { lowest: this.#lowest }) };
  }

  /** Added to its numbers to get the track's. Unknown until its first group. */
  get offset(): number | undefined {
    return this.#offset;
  }

  get lowest(): number | undefined {
    return this.#lowest;
  }

  /** The newest object that it named, in its own numbers. */
  get named(): Location | undefined {
    return this.#named;
  }

  /** The publisher names its newest object. An older one than before changes nothing. */
  names(largest: Location): void {
    if (this.#named === undefined || isBelow(this.#named, largest)) this.#named = largest;
  }

  /** The publisher names its first group. */
  starts(theirs: number): void {
    this.#start = theirs;
  }

  /** The track's number of the first group that it named. Unknown until its first group. */
  get first(): number | undefined {
    return this.#start === undefined || this.#offset === undefined ? undefined : this.#start + this.#offset;
  }

  /**
   * The track's number for its group: above `newest` when another publisher sent that one. Nothing when
   *
   * - the group was sent before,
   * - the number would be one of another publisher's, or
   * - the number is too high to count on from.
   *
   * The first group of a publisher that takes over again is accepted whatever its number: viewers have had another publisher's groups
   * since, and a publisher may count from 0 again when it is subscribed to again (@moq/publish does).
   */
  place(theirs: number, newest: number | undefined): number | undefined {
    if (this.#offset === undefined && theirs <= this.#after) {
      this.#after = theirs - 1;
      this.#whole = this.#after;
    }
    if (theirs <= this.#after || theirs > LAST_SEQUENCE) return undefined;
    if (this.#offset === undefined) {
      const guess = theirs - OVERTAKEN;
      // A publisher whose numbers are above the older one's keeps them. Any other gets room for all groups that may still come.
      const open = newest === undefined || guess > newest ? guess : 0;
      const lowest = Math.min(theirs, this.#start ?? Math.max(this.#after + 1, open));
      this.#offset = newest === undefined || lowest > newest ? 0 : newest + 1 - lowest;
      this.#lowest = newest === undefined ? 0 : newest + 1;
    }
    const ours = theirs + this.#offset;
    if (ours > LAST_SEQUENCE) this.#exhausted = true;
    return this.#exhausted || ours < (this.#lowest ?? 0) ? undefined : ours;
  }

  /** Its numbers do not fit above those of the path's other publishers. */
  get exhausted(): boolean {
    return this.#exhausted;
  }

  /** The group with the track's number `ours` is whole. */
  completed(ours: number): void {
    if (this.#offset !== undefined) this.#whole = Math.max(this.#whole, ours - this.#offset);
  }

  /** Its highest whole group, in its own numbers. */
  get whole(): number {
    return this.#whole;
  }

  /** Whether its timestamps have another timescale. */
  rescales(timescale: number): boolean {
    return this.timescale !== undefined && this.timescale !== timescale;
  }

  /** Converts one of its timestamps to `timescale`. */
  rescale(timestamp: number, timescale: number): number {
    if (this.timescale === undefined || this.timescale === timescale) return timestamp;
    return writable((timestamp * timescale) / this.timescale);
  }
}

/** The nearest timestamp that all peers can read. Needed because the publisher chooses timestamp and timescale, and players add up deltas. */
export function writable(timestamp: number): number {
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Math.round(timestamp), Number.MAX_SAFE_INTEGER));
}

/** Publishers of one path whose numbers are remembered, in case they take over again. */
const REMEMBERED = 8;

/** The highest whole group of each publisher of a path, in its own numbers. */
export class SentGroups {
  readonly #whole = new Map<number, number>();

  of(generation: number): { whole?: number } {
    const whole = this.#whole.get(generation);
    return whole === undefined ? {} : { whole };
  }

  /** The track has detached from `feed`. */
  remember({ generation, whole }: PublisherNumbering): void {
    this.#whole.delete(generation);
    if (whole >= 0) this.#whole.set(generation, whole);
    const [oldest] = this.#whole.keys();
    if (oldest !== undefined && this.#whole.size > REMEMBERED) this.#whole.delete(oldest);
  }
}
