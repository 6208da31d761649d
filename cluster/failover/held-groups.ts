import type { SubgroupStart, SubgroupWriter } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import { HeldSubgroup } from "./held-subgroup.ts";

/** Groups without an unfinished subgroup that are remembered, so that a second relay does not send them again. */
const REMEMBERED = 64;

export interface HeldGroupsEvents {
  /** A writer for a subgroup that no relay has begun; the reason where the viewers refuse it. */
  begin(start: SubgroupStart): SubgroupWriter | Reason;
  /** A subgroup is complete, or was given up. */
  over(): void;
  /** The sender of a subgroup is gone, or sends no more of it. */
  orphaned(): void;
}

interface Open {
  readonly held: HeldSubgroup;
  sender: object | undefined;
}

/** A group that has begun. */
interface Held {
  /** Its unfinished subgroups by id. */
  readonly open: Map<number, Open>;
  /** Its other subgroups. Their number is bounded by the model, which refuses further ones. */
  readonly ended: Set<number>;
}

/** The groups of one track that have begun, and the sender of each unfinished subgroup. */
export class HeldGroups {
  readonly #events: HeldGroupsEvents;
  readonly #groups = new Map<number, Held>();
  /** Groups without an unfinished subgroup, in the order in which they lost it last. */
  readonly #complete = new Set<number>();
  #newest: number | undefined;
  /** The smallest distance between a new group and the newest before it, and the number of distances seen. */
  #smallestStep = Number.POSITIVE_INFINITY;
  #steps = 0;

  constructor(events: HeldGroupsEvents) {
    this.#events = events;
  }

  get newest(): number | undefined {
    return this.#newest;
  }

  /** Whether the publisher seems to number its groups 0, 1, 2. A single larger distance may be a lost group. */
  get consecutive(): boolean {
    return this.#smallestStep === 1 || this.#steps < 2;
  }

  /** Groups with an unfinished subgroup that has no sender, ascending. */
  get orphans(): number[] {
    return [...this.#groups]
      .filter(([, { open }]) => [...open.values()].some(({ held }) => !held.fed))
      .map(([sequence]) => sequence)
      .sort((a, b) => a - b);
  }

  /** The first group that is not whole, or the one after the newest. Nothing before the first group. */
  get unfinished(): number | undefined {
    return this.#newest === undefined ? undefined : (this.orphans[0] ?? this.#newest + 1);
  }

  /** The group has begun; it may have ended. */
  knows(sequence: number): boolean {
    return this.#groups.has(sequence);
  }

  /** The subgroup is unfinished and has no sender. */
  isOrphan({ group, subgroup }: SubgroupStart): boolean {
    return this.#groups.get(group)?.open.get(subgroup)?.held.fed === false;
  }

  anySentBy(sender: object): boolean {
    for (const { open } of this.#groups.values())
      for (const one of open.values()) if (one.sender === sender) return true;
    return false;
  }

  /** `sender` begins to send a subgroup; refused where another sender sends it or has sent it. */
  begin(sender: object, start: SubgroupStart): SubgroupWriter | Reason {
    const { group: sequence, subgroup } = start;
    const group = this.#groups.get(sequence);
    let one = group?.open.get(subgroup);
    if (one?.held.fed === true || group?.ended.has(subgroup) === true) return "duplicate";
    if (one === undefined) {
      const writer = this.#events.begin(start);
      if (typeof writer === "string") {
        // Another source has sent it: nothing of it is missing.
        if (writer === "duplicate") this.#sentElsewhere(start);
        return writer;
      }
      one = this.#add(start, writer);
    }
    if (one.held.leaving) {
      // The former relay's last bytes would come between those of this one.
      one.held.reset("upstream");
      return "duplicate";
    }
    one.sender = sender;
    return one.held.feed(start.firstObject);
  }

  /** `sender` sends no more: other senders may continue its subgroups. */
  orphan(sender: object): void {
    for (const one of this.#all()) if (one.sender === sender) one.held.orphan();
  }

  /** Ends the unfinished subgroups of a group that have no sender. False where there are none. */
  giveUp(sequence: number): boolean {
    const orphans = [...(this.#groups.get(sequence)?.open.values() ?? [])].filter(({ held }) => !held.fed);
    for (const { held } of orphans) held.reset("upstream");
    return orphans.length > 0;
  }

  reset(): void {
    for (const { held } of this.#all()) held.reset("upstream");
  }

  #all(): Open[] {
    return [...this.#groups.values()].flatMap(({ open }) => [...open.values()]);
  }

  #add({ group: sequence, subgroup }: SubgroupStart, writer: SubgroupWriter): Open {
    const group = this.#group(sequence);
    const one: Open = {
      sender: undefined,
      held: new HeldSubgroup(writer, {
        over: () => this.#ended(sequence, subgroup),
        orphaned: () => {
          one.sender = undefined;
          this.#events.orphaned();
        },
      }),
    };
    group.open.set(subgroup, one);
    this.#complete.delete(sequence);
    return one;
  }

  #group(sequence: number): Held {
    const known = this.#groups.get(sequence);
    if (known !== undefined) return known;
    this.#measure(sequence);
    const group: Held = { open: new Map(), ended: new Set() };
    this.#groups.set(sequence, group);
    return group;
  }

  #measure(sequence: number): void {
    if (this.#newest !== undefined) {
      this.#smallestStep = Math.min(this.#smallestStep, Math.abs(sequence - this.#newest));
      this.#steps++;
    }
    if (this.#newest === undefined || sequence > this.#newest) this.#newest = sequence;
  }

  #sentElsewhere({ group: sequence, subgroup }: SubgroupStart): void {
    this.#group(sequence).ended.add(subgroup);
    this.#remember(sequence);
  }

  #ended(sequence: number, subgroup: number): void {
    const group = this.#groups.get(sequence);
    group?.open.delete(subgroup);
    group?.ended.add(subgroup);
    this.#remember(sequence);
    this.#events.over();
  }

  /** Where nothing of the group is unfinished, it is one of those that are remembered for a while. */
  #remember(sequence: number): void {
    if (this.#groups.get(sequence)?.open.size !== 0) return;
    this.#complete.delete(sequence);
    this.#complete.add(sequence);
    const [oldest] = this.#complete;
    if (oldest === undefined || this.#complete.size <= REMEMBERED) return;
    this.#complete.delete(oldest);
    this.#groups.delete(oldest);
  }
}
