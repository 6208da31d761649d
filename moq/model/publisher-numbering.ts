import type { Source, Upstream } from "./contract.ts";

/**
 * Where a publisher does not say at which group it starts, the first one to arrive may have overtaken earlier ones. So many numbers
 * below it are taken to be still to come; numbers of a publisher need not follow each other, so this is a guess.
 */
export const OVERTAKEN = 8;

/** The highest number of a group: versions write the one after it plus one, which must still be a number that all peers read. */
const LAST_SEQUENCE = Number.MAX_SAFE_INTEGER - 2;

/** A track's subscription at one publisher, and how that publisher's numbers and times map to those of the track. */
export class PublisherNumbering {
  readonly source: Source;
  /** Which publisher of the path it is; the same for routes to the same content. */
  readonly generation: number;
  upstream: Upstream | undefined;
  /** Of its timestamps; unknown until its properties are. */
  timescale: number | undefined;
  /** False once the track listens no more. */
  alive = true;
  #whole: number;
  /** Groups up to this one were sent when it was followed before, in its own numbers. */
  #after: number;
  #offset: number | undefined;
  /** Where it says that it starts, in its own numbers. */
  #start: number | undefined;
  /** The lowest number of the track that is one of its groups; others' are below. Unknown until its first group. */
  #lowest: number | undefined;
  #exhausted = false;

  /** `before`: the feed that this one continues, with the same content or at the same publisher. */
  constructor(source: Source, generation: number, before: { offset?: number; lowest?: number; whole?: number } = {}) {
    this.source = source;
    this.generation = generation;
    this.#offset = before.offset;
    this.#lowest = before.lowest;
    this.#after = before.whole ?? -1;
    this.#whole = this.#after;
  }

  /** For a feed that goes on with the same content. */
  get numbering(): { offset?: number; lowest?: number } {
    if (this.#offset === undefined) return {};
    return { offset: this.#offset, ...(this.#lowest === undefined ? {} : { lowest: this.#lowest }) };
  }

  /** Added to its numbers; unknown until its first group. */
  get offset(): number | undefined {
    return this.#offset;
  }

  get lowest(): number | undefined {
    return this.#lowest;
  }

  /** The publisher says which group is its first. */
  starts(theirs: number): void {
    this.#start = theirs;
  }

  /** The first group of the track that it may send, as far as that is known. */
  get first(): number | undefined {
    return this.#start === undefined || this.#offset === undefined ? undefined : this.#start + this.#offset;
  }

  /**
   * Our number for its group, above `newest` when another publisher sent that. Nothing when the group was sent before, when the
   * number would be another publisher's, or when it is too high to count on from.
   *
   * The first group of a publisher that takes over again is taken whatever its number. It is what the publisher has now, and viewers
   * have had another publisher's since; and a publisher may count from 0 again when it is subscribed to again (@moq/publish does).
   */
  place(theirs: number, newest: number | undefined): number | undefined {
    if (this.#offset === undefined && theirs <= this.#after) {
      this.#after = theirs - 1;
      this.#whole = this.#after;
    }
    if (theirs <= this.#after || theirs > LAST_SEQUENCE) return undefined;
    if (this.#offset === undefined) {
      const guess = theirs - OVERTAKEN;
      // A publisher that goes on above the older one keeps its numbers; any other has room for all that it may still send.
      const open = newest === undefined || guess > newest ? guess : 0;
      const lowest = Math.min(theirs, this.#start ?? Math.max(this.#after + 1, open));
      this.#offset = newest === undefined || lowest > newest ? 0 : newest + 1 - lowest;
      this.#lowest = newest === undefined ? 0 : newest + 1;
    }
    const ours = theirs + this.#offset;
    if (ours > LAST_SEQUENCE) this.#exhausted = true;
    return this.#exhausted || ours < (this.#lowest ?? 0) ? undefined : ours;
  }

  /** Its numbers do not fit above those that other publishers of the path have used. */
  get exhausted(): boolean {
    return this.#exhausted;
  }

  /** The group that has the number `ours` in the track came whole. */
  completed(ours: number): void {
    if (this.#offset !== undefined) this.#whole = Math.max(this.#whole, ours - this.#offset);
  }

  /** Its highest group that came whole, in its own numbers. */
  get whole(): number {
    return this.#whole;
  }

  /** One of its timestamps in `timescale`. */
  rescale(timestamp: number, timescale: number): number {
    if (this.timescale === undefined || this.timescale === timescale) return timestamp;
    return writable((timestamp * timescale) / this.timescale);
  }
}

/** The nearest timestamp that all peers read: the publisher chooses both factors, and players add up what they are sent. */
export function writable(timestamp: number): number {
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Math.round(timestamp), Number.MAX_SAFE_INTEGER));
}

/** Publishers of one path whose numbering is remembered for when they take over again. */
const REMEMBERED = 8;

/** How far each publisher of a path came: its highest whole group, in its own numbers. */
export class SentGroups {
  readonly #whole = new Map<number, number>();

  of(generation: number): { whole?: number } {
    const whole = this.#whole.get(generation);
    return whole === undefined ? {} : { whole };
  }

  /** The track does not follow `feed` any more. */
  remember({ generation, whole }: PublisherNumbering): void {
    this.#whole.delete(generation);
    if (whole >= 0) this.#whole.set(generation, whole);
    const [oldest] = this.#whole.keys();
    if (oldest !== undefined && this.#whole.size > REMEMBERED) this.#whole.delete(oldest);
  }
}
