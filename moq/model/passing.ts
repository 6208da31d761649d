import type { Framing } from "../link.ts";
import type { Inflow } from "./contract.ts";
import type { Readers } from "./readers.ts";

/**
 * Lets the engine pass a subgroup's stream on to the readers itself, so that what comes does not wait for this thread. Readers that join later
 * are written to until the next mark.
 */
export class Passing {
  /** The stream of which a mark was asked for and has not come. */
  #awaited: Inflow | undefined;
  /** The stream, while the engine writes to some of the readers. */
  #from: Inflow | undefined;
  #late = false;

  /** The engine writes to some of the readers. */
  get on(): boolean {
    return this.#from !== undefined;
  }

  /** {@link ended} follows, if it is on. */
  end(): void {
    this.#from?.unpass();
  }

  /** All that has come was written. `may`: what comes next may be passed on. `waits`: a filter, a fetch or a merge needs each object at once. */
  follows(from: Inflow, readers: readonly Readers[], may: boolean, waits: boolean): void {
    if (this.#awaited === from) return;
    const joins = may && hasJoined(from, readers);
    if (!joins && (!this.on || this.#late === isLate(from, readers, waits))) return;
    this.#mark(from);
  }

  /** A viewer has joined that this thread writes to: the engine shall deliver the bytes at once. */
  hurry(): void {
    if (this.#late && this.#from !== undefined && this.#awaited === undefined) this.#mark(this.#from);
  }

  /** Answers the mark. */
  marked(from: Inflow, readers: readonly Readers[], may: boolean, waits: boolean): boolean {
    this.#awaited = undefined;
    const to = [];
    if (may) {
      for (const one of readers) {
        const framing = framingFrom(from, one);
        if (framing !== undefined && one.fan.size > 0) to.push({ fan: one.fan, framing });
      }
    }
    if (from.pass(to, isLate(from, readers, waits)) && to.length > 0) this.#from = from;
    this.#late = this.on && isLate(from, readers, waits);
    return this.on;
  }

  /** Nothing is passed on any more. */
  ended(readers: readonly Readers[]): void {
    this.#awaited = undefined;
    this.#from = undefined;
    this.#late = false;
    for (const { fan } of readers) fan.unpassed?.();
  }

  #mark(from: Inflow): void {
    this.#awaited = from;
    from.mark();
  }
}

/** How the engine writes to the readers what comes from a stream; nothing where it cannot. */
function framingFrom(from: Inflow, { channel, fan }: Readers): Framing | undefined {
  const { framing } = channel.dialect;
  const becomes = framing !== undefined && (framing === "sized") === (from.framing === "sized");
  return becomes && fan.written !== undefined ? framing : undefined;
}

// Loops, because these two run for each read and a closure would be garbage at frame rate.

/** Whether some readers that the engine could write to are still written to by this thread. */
function hasJoined(from: Inflow, readers: readonly Readers[]): boolean {
  for (const one of readers) if (framingFrom(from, one) !== undefined && one.fan.written !== 0) return true;
  return false;
}

/** Whether no viewer depends on this thread's writes, so that the engine may deliver the bytes to it later. */
function isLate(from: Inflow, readers: readonly Readers[], waits: boolean): boolean {
  if (waits) return false;
  for (const one of readers) if (one.fan.size > 0 && framingFrom(from, one) === undefined) return false;
  return true;
}
