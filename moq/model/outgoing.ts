import type { Content } from "./content.ts";
import type { OutStream } from "./contract.ts";
import type { Group } from "./group.ts";
import type { ViewerView } from "./track-view.ts";

/** A group or a subgroup, and the stream on which it is under way. */
export interface Sending {
  readonly content: Content;
  readonly stream: OutStream;
  /** When the stream was opened. */
  readonly openedAt: number;
  /** Its payload is counted as sent: nothing more is written to the stream, or it was reset. */
  counted: boolean;
}

/** Gives up streams that are late. */
interface Timeouts {
  watch(sending: Sending): void;
  stop(): void;
}

const NO_TIMEOUTS: Timeouts = { watch: () => {}, stop: () => {} };

interface Entry extends Sending {
  /** The place from which its priority was computed. */
  place: number;
}

/** Places from the front that are kept exact while streams come and go. A viewer with more streams under way has other troubles. */
const EXACT = 32;

/** Up to this many streams, each new one removes those that have left. */
const FEW = 64;

/**
 * The streams of one subscription that are under way, in the order of their groups, and within a group by subgroup, of which the lowest is sent
 * first. A stream stays until its bytes are acknowledged, where the engine knows that. One more stream costs the same however many there are, because only the first {@link EXACT} get new places. Behind those, oldest
 * first, streams keep the order in which they began; newest first, they all share the last place.
 */
export class Outgoing {
  readonly #priorityOf: (place: number, content: Content) => number;
  readonly #left: (sending: Sending) => void;
  readonly #timeouts: Timeouts;
  #ordered: boolean;
  /** Ascending. */
  #entries: Entry[] = [];
  /** How many remained after the last {@link prune}. */
  #kept = 0;

  /**
   * `ordered`: older groups first. `priorityOf` gives a stream's priority by its place from the front. `left` is called once for each
   * stream of which nothing more will be sent. `timeouts` watches each stream.
   */
  constructor(
    ordered: boolean,
    priorityOf: (place: number, content: Content) => number,
    left: (sending: Sending) => void,
    timeouts: Timeouts = NO_TIMEOUTS,
  ) {
    this.#ordered = ordered;
    this.#priorityOf = priorityOf;
    this.#left = left;
    this.#timeouts = timeouts;
  }

  /** Includes groups that have left and are not pruned yet. */
  get size(): number {
    return this.#entries.length;
  }

  /** The place that a new stream gets. */
  placeOf(content: Content): number {
    if (this.size <= FEW || this.size >= 2 * this.#kept) this.prune();
    const before = this.#indexOf(content.group.sequence, content.start.subgroup);
    return this.#place(before, this.size + 1);
  }

  /** Adds a stream that was opened now, with the priority of `place`. */
  add(content: Content, stream: OutStream, place: number, openedAt: number): void {
    const at = this.#indexOf(content.group.sequence, content.start.subgroup);
    const entry = { content, stream, openedAt, counted: false, place };
    this.#entries.splice(at, 0, entry);
    this.#timeouts.watch(entry);
    this.#rank(EXACT + 1);
  }

  /** Whether a stream of `group` is under way. */
  has(group: Group): boolean {
    const from = this.#indexOf(group.sequence, this.#ordered ? -1 : Number.POSITIVE_INFINITY);
    return this.#entries[from]?.content.group === group;
  }

  /** Whether a stream of `content` is open: after a pause it may have been offered twice while it waited for its first object. */
  carries(content: Content): boolean {
    const { group, start } = content;
    const entry = this.#entries[this.#indexOf(group.sequence, start.subgroup)];
    const isSame = entry?.content.group === group && entry.content.start.subgroup === start.subgroup;
    return isSame && !entry.stream.ended;
  }

  /** Bytes of payload that were written to its streams. */
  get payload(): number {
    let sum = 0;
    for (const { counted, content } of this.#entries) if (!counted) sum += content.payloadBytes;
    return sum;
  }

  /** For operators. */
  figures(age: (group: Group) => number): Pick<ViewerView, "groups" | "queuedBytes" | "lagMs"> {
    let [groups, queuedBytes, lagMs] = [0, 0, 0];
    for (const sending of this.#entries) {
      if (hasLeft(sending)) continue;
      groups += 1;
      queuedBytes += sending.stream.queued;
      lagMs = Math.max(lagMs, age(sending.content.group));
    }
    return { groups, queuedBytes, lagMs };
  }

  /** Removes the oldest ones until there are fewer than `room`; `drop` gets those that have not left. False when `group` is older than the oldest. */
  makeRoom(room: number, group: Group, drop: (sending: Sending) => void): boolean {
    while (this.size >= room) {
      const [oldest] = this.#entries;
      if (oldest === undefined) return true;
      // What waits for its acknowledgement alone gives way to what is under way.
      if (!hasLeft(oldest) && this.#forgetLeft()) continue;
      if (oldest.content.group.sequence > group.sequence) return false;
      this.#entries.shift();
      if (hasLeft(oldest)) this.#count(oldest);
      if (!oldest.counted) drop(oldest);
    }
    return true;
  }

  /** Removes the streams that have left, acknowledged or not. False where there is none. */
  #forgetLeft(): boolean {
    const before = this.size;
    this.#entries = this.#entries.filter((entry) => {
      if (!hasLeft(entry)) return true;
      this.#count(entry);
      return false;
    });
    return this.size < before;
  }

  /** Order or priorities have changed. Its cost grows with the number of groups. */
  reorder(ordered: boolean): void {
    if (this.#ordered !== ordered) {
      this.#ordered = ordered;
      this.#entries.sort((a, b) => (this.#isBefore(a, b.content.group.sequence, b.content.start.subgroup) ? -1 : 1));
    }
    for (const entry of this.#entries) entry.place = -1;
    this.prune();
    // Options may have a time-out now.
    for (const entry of this.#entries) this.#timeouts.watch(entry);
    this.#rank(this.size);
  }

  /** Removes the streams that have left. */
  prune(): void {
    const before = this.size;
    this.#entries = this.#entries.filter((entry) => {
      if (!hasLeft(entry)) return true;
      this.#count(entry);
      return entry.stream.acknowledged === false;
    });
    this.#kept = this.size;
    if (this.size < before) this.#rank(EXACT + 1);
  }

  #count(entry: Entry): void {
    if (entry.counted) return;
    entry.counted = true;
    this.#left(entry);
  }

  /** Resets the streams of which not all was handed to the network. */
  reset(code: number): void {
    for (const { stream, counted } of this.#entries) if (!counted) stream.reset(code);
  }

  clear(): void {
    this.#entries = [];
    this.#timeouts.stop();
  }

  *[Symbol.iterator](): Generator<Sending> {
    yield* this.#entries;
  }

  /** Index of the first stream that is not before that of the group `sequence` and the subgroup `id`. */
  #indexOf(sequence: number, id: number): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = this.#entries[middle];
      if (entry !== undefined && this.#isBefore(entry, sequence, id)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Newest first, the order is read from its end: there a group's lowest subgroup is its last. */
  #isBefore(entry: Entry, sequence: number, id: number): boolean {
    const { group } = entry.content;
    if (group.sequence !== sequence) return group.sequence < sequence;
    const { start } = entry.content;
    return this.#ordered ? start.subgroup < id : start.subgroup > id;
  }

  #place(index: number, size: number): number {
    return this.#ordered ? index : Math.min(size - 1 - index, EXACT);
  }

  /** Gives the first `count` streams from the front their places. */
  #rank(count: number): void {
    const size = this.size;
    for (let i = 0; i < Math.min(count, size); i++) {
      const index = this.#ordered ? i : size - 1 - i;
      const entry = this.#entries[index];
      const place = this.#place(index, size);
      if (entry === undefined || entry.place === place) continue;
      entry.place = place;
      entry.stream.setPriority(this.#priorityOf(place, entry.content));
    }
  }
}

/** Whether nothing more will be written to it. */
export function hasLeft({ stream }: Pick<Sending, "stream">): boolean {
  return stream.ended && stream.queued === 0;
}
