import type { Clock } from "../../../moq/clock.ts";
import type { Location, SubgroupStart, SubgroupWriter } from "../../../moq/model/index.ts";
import type { Reason } from "../../../moq/reason.ts";
import { MergedSubgroup, type Sender } from "./merged-subgroup.ts";

/** Groups that are remembered, so that the slower source does not send them again: 10 s of a track with 50 groups a second. */
const REMEMBERED = 512;
/** Datagrams that are remembered: 5 s of 50 a second. */
const REMEMBERED_DATAGRAMS = 256;
/** Milliseconds that a subgroup waits for a source to continue it when none sends it. As long as the fetch of a group may take. */
const UNFED_MS = 5_000;

export interface MergedGroupsDeps {
  readonly clock: Clock;
  /** A writer for a subgroup that has not begun; the reason where the viewers refuse it. */
  readonly begin: (start: SubgroupStart) => SubgroupWriter | Reason;
  /** Whether the source may send groups, now or after a failover. */
  readonly expects: (sender: Sender) => boolean;
  readonly differs: (sender: Sender) => void;
  readonly duplicate: (bytes: number) => void;
  /** A subgroup was given up. */
  readonly lost: () => void;
}

/** A subgroup that is not finished. */
interface Open {
  readonly merged: MergedSubgroup;
  /** Cancels the end of the wait for a source. */
  cancelWait: () => void;
}

/** A group that has begun. */
interface Begun {
  /** When it began first. */
  readonly at: number;
  /** Its unfinished subgroups by id. */
  readonly open: Map<number, Open>;
  /** Its other subgroups. Their number is bounded by the model, which refuses further ones. */
  readonly ended: Set<number>;
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
  /** The groups that have begun, in that order: those with unfinished subgroups, and others. */
  readonly #groups = new Map<number, Begun>();
  /** Datagrams that have come: the number of the group for its object 0, else group and object. */
  readonly #datagrams = new Map<number | string, Location>();
  /** The highest datagram that is not remembered any more. */
  #forgottenDatagram: Location | undefined;
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
    if (newest !== undefined && newest > (direct ?? -1))
      start = (this.#groups.get(newest)?.open.size ?? 0) > 0 ? newest : newest + 1;
    else if (direct !== undefined) start = direct + 1;
    if (start !== undefined) this.#from = Math.min(this.#from ?? start, start);
    this.#fromSecond = start;
    return start;
  }

  begin(sender: Sender, start: SubgroupStart): SubgroupWriter | Reason {
    const { clock } = this.#deps;
    const { group: sequence, subgroup } = start;
    const group = this.#groups.get(sequence);
    let one = group?.open.get(subgroup);
    if (one === undefined) {
      if (group?.ended.has(subgroup)) {
        this.#measure(sender, sequence, group.at);
        return "duplicate";
      }
      // Too old to know whether it was sent.
      const isForgotten = group === undefined && sequence <= this.#forgotten && sequence >= (this.#from ?? 0);
      if (isForgotten) return "expired";
      if (sender === "second" && sequence < (this.#fromSecond ?? Number.POSITIVE_INFINITY)) return "duplicate";
      const writer = this.#deps.begin(start);
      if (typeof writer === "string") return writer;
      one = this.#make(start, writer);
    }
    this.#measure(sender, sequence, group?.at ?? clock.now());
    one.cancelWait();
    return one.merged.feed(sender, start.firstObject);
  }

  /** Whether the datagram is the first copy. */
  isFirst({ group, object }: Location): boolean {
    const key = object === 0 ? group : `${group}/${object}`;
    const forgotten = this.#forgottenDatagram;
    const isOld = forgotten !== undefined && !isAfter({ group, object }, forgotten);
    // Of one that is too old, it is not known whether it was sent.
    if (isOld || this.#datagrams.has(key)) return false;
    this.#datagrams.set(key, { group, object });
    if (this.#datagrams.size > REMEMBERED_DATAGRAMS) {
      const [oldest] = this.#datagrams;
      if (oldest === undefined) return true;
      this.#datagrams.delete(oldest[0]);
      if (forgotten === undefined || isAfter(oldest[1], forgotten)) this.#forgottenDatagram = oldest[1];
    }
    return true;
  }

  /** The source sends no more of what it has begun. */
  drop(sender: Sender): void {
    this.#paces[sender].began(0, undefined);
    for (const { merged } of this.#all()) merged.drop(sender);
  }

  /** The source sends one of the subgroups that are under way. */
  sends(sender: Sender): boolean {
    return this.#all().some(({ merged }) => merged.fedBy(sender));
  }

  reset(reason: Reason): void {
    for (const { merged } of this.#all()) merged.reset(reason);
  }

  #all(): Open[] {
    return [...this.#groups.values()].flatMap(({ open }) => [...open.values()]);
  }

  #make({ group: sequence, subgroup }: SubgroupStart, writer: SubgroupWriter): Open {
    const { differs, duplicate } = this.#deps;
    const group = this.#groups.get(sequence) ?? this.#remember(sequence);
    const one: Open = {
      cancelWait: () => {},
      merged: new MergedSubgroup(writer, {
        over: () => {
          group.open.delete(subgroup);
          group.ended.add(subgroup);
          one.cancelWait();
        },
        unfed: (reason) => this.#unfed(one, reason),
        differs,
        duplicate,
      }),
    };
    group.open.set(subgroup, one);
    return one;
  }

  /** No source sends the subgroup: one that has not refused it may still begin it, or begin it again. */
  #unfed(one: Open, reason: Reason): void {
    const { clock, expects } = this.#deps;
    const end = (last: Reason) => {
      this.#deps.lost();
      one.merged.reset(last);
    };
    if (!(["first", "second"] as const).some((sender) => one.merged.possible(sender) && expects(sender))) {
      end(reason);
      return;
    }
    const cancel = clock.timer(UNFED_MS, () => {
      one.cancelWait = () => {};
      end(reason);
    });
    one.cancelWait = () => {
      one.cancelWait = () => {};
      cancel();
    };
  }

  #measure(sender: Sender, sequence: number, begunAt: number): void {
    const now = this.#deps.clock.now();
    const ahead = this.#newest !== undefined && sequence >= this.#newest;
    this.#paces[sender].began(now - begunAt, ahead ? undefined : now);
    if (begunAt === now && ahead) this.#paces[sender === "first" ? "second" : "first"].otherBegan(now);
  }

  #remember(sequence: number): Begun {
    if (this.#newest === undefined || sequence > this.#newest) this.#newest = sequence;
    const group: Begun = { at: this.#deps.clock.now(), open: new Map(), ended: new Set() };
    this.#groups.set(sequence, group);
    if (this.#groups.size > REMEMBERED) this.#forgetOldest();
    return group;
  }

  /** Forgets the group that began first, of those without an unfinished subgroup. */
  #forgetOldest(): void {
    for (const [oldest, { open }] of this.#groups) {
      if (open.size > 0) continue;
      this.#groups.delete(oldest);
      if (oldest >= (this.#from ?? Number.POSITIVE_INFINITY)) this.#forgotten = Math.max(this.#forgotten, oldest);
      return;
    }
  }
}

function isAfter(a: Location, b: Location): boolean {
  return a.group > b.group || (a.group === b.group && a.object > b.object);
}
