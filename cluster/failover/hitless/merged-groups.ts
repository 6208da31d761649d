import type { Clock } from "../../../moq/clock.ts";
import type { SubgroupWriter } from "../../../moq/model/index.ts";
import type { Reason } from "../../../moq/reason.ts";
import { MergedGroup, type Sender } from "./merged-group.ts";

/** Groups that are remembered, so that the slower source does not send them again: 10 s of a track with 50 groups a second. */
const REMEMBERED = 512;
/** Datagrams that are remembered: 5 s of 50 a second. */
const REMEMBERED_DATAGRAMS = 256;
/** Milliseconds that a group waits for a source to continue it when none sends it. As long as the fetch of a group may take. */
const UNFED_MS = 5_000;

export interface MergedGroupsDeps {
  readonly clock: Clock;
  /** A writer for a group that has not begun; the reason where the viewers refuse it. */
  readonly begin: (sequence: number) => SubgroupWriter | Reason;
  /** Whether the source may send groups, now or after a failover. */
  readonly expects: (sender: Sender) => boolean;
  readonly differs: (sender: Sender) => void;
  readonly duplicate: (bytes: number) => void;
  /** A group was given up. */
  readonly lost: () => void;
}

/** How far one source is behind the other. */
class Pace {
  /** Milliseconds after the other source, of the last group that it began. */
  #behind = 0;
  /** When the other source began a group that this one has yet to begin. */
  #since: number | undefined;

  began(behind: number, since: number | undefined): void {
    this.#behind = behind;
    this.#since = since;
  }

  otherBegan(now: number): void {
    this.#since ??= now;
  }

  behind(now: number): number {
    return this.#since === undefined ? this.#behind : Math.max(this.#behind, now - this.#since);
  }
}

/** The groups of a track that two sources send, each passed on once. */
export class MergedGroups {
  readonly #deps: MergedGroupsDeps;
  readonly #open = new Map<number, MergedGroup>();
  /** Each cancels the end of the wait for a source, by group. */
  readonly #waits = new Map<number, () => void>();
  /** When each group was begun first, in that order: the open ones and those that are over. */
  readonly #begun = new Map<number, number>();
  readonly #datagrams = new Set<number>();
  /** The highest datagram that is not remembered any more. */
  #forgottenDatagram = -1;
  readonly #paces: Readonly<Record<Sender, Pace>> = { first: new Pace(), second: new Pace() };
  /** From this group on two sources may have sent; and from this one on the second source does now. */
  #from: number | undefined;
  #fromSecond: number | undefined;
  /** The highest group from there on that is not remembered any more. */
  #forgotten = -1;
  #newest: number | undefined;

  constructor(deps: MergedGroupsDeps) {
    this.#deps = deps;
  }

  get newest(): number | undefined {
    return this.#newest;
  }

  /** Nothing of this group, or of a newer one, came by the merge. */
  isNew(sequence: number): boolean {
    return this.#newest === undefined || sequence > this.#newest;
  }

  /** Milliseconds by which the slower source is behind. */
  get behindMs(): number {
    const now = this.#deps.clock.now();
    return Math.max(this.#paces.first.behind(now), this.#paces.second.behind(now));
  }

  get secondBehindMs(): number {
    return this.#paces.second.behind(this.#deps.clock.now());
  }

  /**
   * Where a second source begins: with the newest group, from its first frame, if that is under way, else with the group after it.
   * `direct`: the newest group that did not come by the merge.
   */
  startOfSecond(direct: number | undefined): number | undefined {
    const newest = this.#newest;
    this.#paces.second.began(0, undefined);
    let start: number | undefined;
    if (newest !== undefined && newest > (direct ?? -1)) start = this.#open.has(newest) ? newest : newest + 1;
    else if (direct !== undefined) start = direct + 1;
    if (start !== undefined) this.#from = Math.min(this.#from ?? start, start);
    this.#fromSecond = start;
    return start;
  }

  begin(sender: Sender, sequence: number): SubgroupWriter | Reason {
    const { clock } = this.#deps;
    let group = this.#open.get(sequence);
    const at = this.#begun.get(sequence);
    if (group === undefined) {
      if (at !== undefined) {
        this.#measure(sender, sequence, at);
        return "duplicate";
      }
      // Too old to know whether it was sent.
      if (sequence <= this.#forgotten && sequence >= (this.#from ?? 0)) return "expired";
      if (sender === "second" && sequence < (this.#fromSecond ?? Number.POSITIVE_INFINITY)) return "duplicate";
      const writer = this.#deps.begin(sequence);
      if (typeof writer === "string") return writer;
      group = this.#make(sequence, writer);
      this.#remember(sequence, clock.now());
    }
    this.#measure(sender, sequence, at ?? clock.now());
    this.#waits.get(sequence)?.();
    return group.feed(sender);
  }

  /** Whether the datagram is the first copy. */
  isFirst(datagram: number): boolean {
    // Of one that is too old, it is not known whether it was sent.
    if (datagram <= this.#forgottenDatagram || this.#datagrams.has(datagram)) return false;
    this.#datagrams.add(datagram);
    if (this.#datagrams.size > REMEMBERED_DATAGRAMS) {
      const [oldest] = this.#datagrams;
      if (oldest === undefined) return true;
      this.#datagrams.delete(oldest);
      this.#forgottenDatagram = Math.max(this.#forgottenDatagram, oldest);
    }
    return true;
  }

  /** The source sends no more of what it has begun. */
  drop(sender: Sender): void {
    this.#paces[sender].began(0, undefined);
    for (const group of [...this.#open.values()]) group.drop(sender);
  }

  /** The source sends one of the groups that are under way. */
  sends(sender: Sender): boolean {
    for (const group of this.#open.values()) if (group.fedBy(sender)) return true;
    return false;
  }

  reset(reason: Reason): void {
    for (const group of [...this.#open.values()]) group.reset(reason);
  }

  #make(sequence: number, writer: SubgroupWriter): MergedGroup {
    const { differs, duplicate } = this.#deps;
    const group = new MergedGroup(writer, {
      over: () => {
        this.#open.delete(sequence);
        this.#waits.get(sequence)?.();
      },
      unfed: (reason) => this.#unfed(sequence, reason),
      differs,
      duplicate,
    });
    this.#open.set(sequence, group);
    return group;
  }

  /** No source sends the group: one that has not refused it may still begin it, or begin it again. */
  #unfed(sequence: number, reason: Reason): void {
    const group = this.#open.get(sequence);
    if (group === undefined) return;
    const { clock, expects } = this.#deps;
    const end = (last: Reason) => {
      this.#deps.lost();
      group.reset(last);
    };
    if (!(["first", "second"] as const).some((sender) => group.possible(sender) && expects(sender))) {
      end(reason);
      return;
    }
    const cancel = clock.timer(UNFED_MS, () => {
      this.#waits.delete(sequence);
      end(reason);
    });
    this.#waits.set(sequence, () => {
      this.#waits.delete(sequence);
      cancel();
    });
  }

  #measure(sender: Sender, sequence: number, begunAt: number): void {
    const now = this.#deps.clock.now();
    const ahead = this.#newest !== undefined && sequence >= this.#newest;
    this.#paces[sender].began(now - begunAt, ahead ? undefined : now);
    if (begunAt === now && ahead) this.#paces[sender === "first" ? "second" : "first"].otherBegan(now);
  }

  #remember(sequence: number, now: number): void {
    if (this.#newest === undefined || sequence > this.#newest) this.#newest = sequence;
    this.#begun.set(sequence, now);
    if (this.#begun.size <= REMEMBERED) return;
    for (const [oldest] of this.#begun) {
      this.#begun.delete(oldest);
      if (oldest >= (this.#from ?? Number.POSITIVE_INFINITY)) this.#forgotten = Math.max(this.#forgotten, oldest);
      return;
    }
  }
}
