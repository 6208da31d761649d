import type { SubgroupWriter } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import { HeldGroup } from "./held-group.ts";

/** Complete groups that are remembered, so that a second relay does not send them again. */
const REMEMBERED = 64;

export interface HeldGroupsEvents {
  /** A writer for a group that no relay has begun; the reason where the viewers refuse it. */
  begin(sequence: number): SubgroupWriter | Reason;
  /** A group is complete, or was given up. */
  over(): void;
  /** The sender of a group is gone, or sends no more of it. */
  orphaned(): void;
}

/** The groups of one track that have begun and not ended, and the sender of each. */
export class HeldGroups {
  readonly #events: HeldGroupsEvents;
  readonly #open = new Map<number, HeldGroup>();
  readonly #senders = new Map<number, object>();
  readonly #complete: number[] = [];
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

  /** Unfinished groups that have no sender, ascending. */
  get orphans(): number[] {
    return [...this.#open]
      .filter(([, group]) => !group.fed)
      .map(([sequence]) => sequence)
      .sort((a, b) => a - b);
  }

  /** The group has begun; it may have ended. */
  knows(sequence: number): boolean {
    return this.#open.has(sequence) || this.#complete.includes(sequence);
  }

  anySentBy(sender: object): boolean {
    for (const one of this.#senders.values()) if (one === sender) return true;
    return false;
  }

  /** `sender` begins to send a group; refused where another sender sends it or has sent it. */
  begin(sender: object, sequence: number): SubgroupWriter | Reason {
    let group = this.#open.get(sequence);
    if (group?.fed === true || (group === undefined && this.knows(sequence))) return "duplicate";
    if (group === undefined) {
      const writer = this.#events.begin(sequence);
      if (typeof writer === "string") {
        // Another source has sent it: nothing of it is missing.
        if (writer === "duplicate") this.#sentElsewhere(sequence);
        return writer;
      }
      this.#measure(sequence);
      group = new HeldGroup(writer, {
        over: () => this.#ended(sequence),
        orphaned: () => {
          this.#senders.delete(sequence);
          this.#events.orphaned();
        },
      });
      this.#open.set(sequence, group);
    }
    this.#senders.set(sequence, sender);
    return group.feed();
  }

  /** `sender` sends no more: other senders may continue its groups. */
  orphan(sender: object): void {
    for (const [sequence, one] of [...this.#senders]) if (one === sender) this.#open.get(sequence)?.orphan();
  }

  /** Ends an unfinished group that has no sender. False for any other group. */
  giveUp(sequence: number): boolean {
    const group = this.#open.get(sequence);
    if (group === undefined || group.fed) return false;
    group.reset("upstream");
    return true;
  }

  reset(): void {
    for (const group of [...this.#open.values()]) group.reset("upstream");
  }

  #measure(sequence: number): void {
    if (this.#newest !== undefined) {
      this.#smallestStep = Math.min(this.#smallestStep, Math.abs(sequence - this.#newest));
      this.#steps++;
    }
    if (this.#newest === undefined || sequence > this.#newest) this.#newest = sequence;
  }

  #sentElsewhere(sequence: number): void {
    this.#measure(sequence);
    this.#remember(sequence);
  }

  #ended(sequence: number): void {
    this.#open.delete(sequence);
    this.#senders.delete(sequence);
    this.#remember(sequence);
    this.#events.over();
  }

  #remember(sequence: number): void {
    this.#complete.push(sequence);
    if (this.#complete.length > REMEMBERED) this.#complete.shift();
  }
}
