import type { OutStream } from "./contract.ts";
import type { Group } from "./group.ts";

/** A group with a stream that may still have something to send. */
export interface Sending {
  readonly group: Group;
  readonly stream: OutStream;
}

interface Entry extends Sending {
  /** The place that its priority was made of. */
  place: number;
}

/** Places from the front that are kept exact while groups come and go; a viewer with more groups under way has other troubles. */
const EXACT = 32;

/** Groups up to which those that have left are looked for each time. */
const FEW = 64;

/**
 * The groups of one subscription that are under way, in the order of their sequences. A group more costs the same however many there
 * are: only the first {@link EXACT} are given their places anew. Behind them oldest first is the order in which the groups began,
 * and newest first all share the last place.
 */
export class Outgoing {
  readonly #priorityOf: (place: number) => number;
  #ordered: boolean;
  /** Ascending. */
  #entries: Entry[] = [];
  /** How many were left when those that have left were looked for last. */
  #kept = 0;

  /** `ordered`: older groups first. `priorityOf` gives a stream's priority by its place from the front. */
  constructor(ordered: boolean, priorityOf: (place: number) => number) {
    this.#ordered = ordered;
    this.#priorityOf = priorityOf;
  }

  /** Those that have left and were not looked for yet are counted. */
  get size(): number {
    return this.#entries.length;
  }

  /** The place that a new group gets. */
  placeOf(group: Group): number {
    if (this.size <= FEW || this.size >= 2 * this.#kept) this.prune();
    const before = this.#indexOf(group);
    return this.#place(before, this.size + 1);
  }

  /** Adds a group whose stream was opened with the priority of `place`. */
  add(group: Group, stream: OutStream, place: number): void {
    this.#entries.splice(this.#indexOf(group), 0, { group, stream, place });
    this.#rank(EXACT + 1);
  }

  /** The group with the lowest sequence. */
  get oldest(): Sending | undefined {
    return this.#entries[0];
  }

  /** Takes out the group with the lowest sequence. */
  shift(): Sending | undefined {
    return this.#entries.shift();
  }

  /** Order or priorities have changed: costs as much as there are groups. */
  reorder(ordered: boolean): void {
    this.#ordered = ordered;
    for (const entry of this.#entries) entry.place = -1;
    this.prune();
    this.#rank(this.size);
  }

  /** Forgets what has left. */
  prune(): void {
    const before = this.size;
    this.#entries = this.#entries.filter((entry) => !hasLeft(entry));
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

  /** Gives the first `count` from the front their places. */
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

/** Whether nothing of it can still be sent. */
export function hasLeft({ stream }: Sending): boolean {
  return stream.ended && stream.queued === 0;
}
