import type { OutStream } from "./contract.ts";
import type { Group } from "./group.ts";

/** A group and the stream on which it is under way. */
export interface Sending {
  readonly group: Group;
  readonly stream: OutStream;
  /** When the stream was opened. */
  readonly openedAt: number;
  /** It was reset before all of the group was sent. */
  lost: boolean;
}

interface Entry extends Sending {
  /** The place from which its priority was computed. */
  place: number;
}

/** Places from the front that are kept exact while groups come and go. A viewer with more groups under way has other troubles. */
const EXACT = 32;

/** Up to this many groups, each new group removes those that have left. */
const FEW = 64;

/**
 * The groups of one subscription that are under way, in the order of their sequences. One more group costs the same however many
 * there are, because only the first {@link EXACT} get new places. Behind those, oldest first, groups keep the order in which they
 * began; newest first, they all share the last place.
 */
export class Outgoing {
  readonly #priorityOf: (place: number) => number;
  readonly #left: (sending: Sending) => void;
  #ordered: boolean;
  /** Ascending. */
  #entries: Entry[] = [];
  /** How many remained after the last {@link prune}. */
  #kept = 0;

  /**
   * `ordered`: older groups first. `priorityOf` gives a stream's priority by its place from the front. `left` is called once for each
   * group of which nothing more will be sent.
   */
  constructor(ordered: boolean, priorityOf: (place: number) => number, left: (sending: Sending) => void) {
    this.#ordered = ordered;
    this.#priorityOf = priorityOf;
    this.#left = left;
  }

  /** Includes groups that have left and are not pruned yet. */
  get size(): number {
    return this.#entries.length;
  }

  /** The place that a new group gets. */
  placeOf(group: Group): number {
    if (this.size <= FEW || this.size >= 2 * this.#kept) this.prune();
    const before = this.#indexOf(group);
    return this.#place(before, this.size + 1);
  }

  /** Adds a group whose stream was opened now, with the priority of `place`. */
  add(group: Group, stream: OutStream, place: number, openedAt: number): void {
    this.#entries.splice(this.#indexOf(group), 0, { group, stream, openedAt, lost: false, place });
    this.#rank(EXACT + 1);
  }

  /** The group with the lowest sequence. */
  get oldest(): Sending | undefined {
    return this.#entries[0];
  }

  /** Removes the group with the lowest sequence. */
  shift(): Sending | undefined {
    return this.#entries.shift();
  }

  /** Order or priorities have changed. Its cost grows with the number of groups. */
  reorder(ordered: boolean): void {
    this.#ordered = ordered;
    for (const entry of this.#entries) entry.place = -1;
    this.prune();
    this.#rank(this.size);
  }

  /** Removes the groups that have left. */
  prune(): void {
    const before = this.size;
    this.#entries = this.#entries.filter((entry) => {
      if (!hasLeft(entry)) return true;
      this.#left(entry);
      return false;
    });
    this.#kept = this.size;
    if (this.size < before) this.#rank(EXACT + 1);
  }

  clear(): void {
    this.#entries = [];
  }

  *[Symbol.iterator](): Generator<Sending> {
    yield* this.#entries;
  }

  /** Index of the first group that is not below `group`. */
  #indexOf(group: Group): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle]?.group.sequence ?? 0) < group.sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #place(index: number, size: number): number {
    return this.#ordered ? index : Math.min(size - 1 - index, EXACT);
  }

  /** Gives the first `count` groups from the front their places. */
  #rank(count: number): void {
    const size = this.size;
    for (let i = 0; i < Math.min(count, size); i++) {
      const index = this.#ordered ? i : size - 1 - i;
      const entry = this.#entries[index];
      const place = this.#place(index, size);
      if (entry === undefined || entry.place === place) continue;
      entry.place = place;
      entry.stream.setPriority(this.#priorityOf(place));
    }
  }
}

/** Whether nothing more of the group will be sent. */
export function hasLeft({ stream }: Pick<Sending, "stream">): boolean {
  return stream.ended && stream.queued === 0;
}
