import type { GroupWriter } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import { HeldGroup } from "./held-group.ts";

/** Groups that are remembered as complete, so that a second relay does not send them again. */
const REMEMBERED = 64;

export interface HeldGroupsEvents {
  /** A writer for a group that nobody has begun; the refusal where the viewers do not want it. */
  begin(sequence: number): GroupWriter | Reason;
  /** A group is complete, or was given up. */
  over(): void;
  /** Whoever sent a group is gone, or sends it no more. */
  orphaned(): void;
}

/** The groups of one track that are on their way, and who sends each. */
export class HeldGroups {
  readonly #events: HeldGroupsEvents;
  readonly #open = new Map<number, HeldGroup>();
  readonly #feeders = new Map<number, object>();
  readonly #complete: number[] = [];
  #newest: number | undefined;
  /** The smallest distance of a group that was begun to the newest one before it, and how many there were. */
  #step = Number.POSITIVE_INFINITY;
  #steps = 0;

  constructor(events: HeldGroupsEvents) {
    this.#events = events;
  }

  get newest(): number | undefined {
    return this.#newest;
  }

  /** Whether the publisher numbers its groups one after the other, as far as they were seen; one distance alone may be a loss. */
  get consecutive(): boolean {
    return this.#step === 1 || this.#steps < 2;
  }

  /** Groups that were begun and that nobody sends, ascending. */
  get orphans(): number[] {
    return [...this.#open]
      .filter(([, group]) => !group.fed)
      .map(([sequence]) => sequence)
      .sort((a, b) => a - b);
  }

  /** It was begun, and perhaps ended. */
  knows(sequence: number): boolean {
    return this.#open.has(sequence) || this.#complete.includes(sequence);
  }

  feeds(feeder: object): boolean {
    for (const one of this.#feeders.values()) if (one === feeder) return true;
    return false;
  }

  /** `feeder` begins to send a group; refused where somebody else does, or has. */
  take(feeder: object, sequence: number): GroupWriter | Reason {
    let group = this.#open.get(sequence);
    if (group?.fed === true || (group === undefined && this.knows(sequence))) return "duplicate";
    if (group === undefined) {
      const writer = this.#events.begin(sequence);
      if (typeof writer === "string") return writer;
      this.#measure(sequence);
      group = new HeldGroup(writer, {
        over: () => this.#over(sequence),
        orphaned: () => {
          this.#feeders.delete(sequence);
          this.#events.orphaned();
        },
      });
      this.#open.set(sequence, group);
    }
    this.#feeders.set(sequence, feeder);
    return group.feed();
  }

  /** `feeder` sends no more: others may go on with its groups. */
  orphan(feeder: object): void {
    for (const [sequence, one] of [...this.#feeders]) if (one === feeder) this.#open.get(sequence)?.orphan();
  }

  /** Gives up a group that nobody sends. True when it was one. */
  lose(sequence: number): boolean {
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
      this.#step = Math.min(this.#step, Math.abs(sequence - this.#newest));
      this.#steps++;
    }
    if (this.#newest === undefined || sequence > this.#newest) this.#newest = sequence;
  }

  #over(sequence: number): void {
    this.#open.delete(sequence);
    this.#feeders.delete(sequence);
    this.#complete.push(sequence);
    if (this.#complete.length > REMEMBERED) this.#complete.shift();
    this.#events.over();
  }
}
