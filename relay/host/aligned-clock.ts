import type { Clock } from "../../moq/clock.ts";

/** Milliseconds between two moments at which timers fire. */
const STEP_MS = 250;

/** The timers of one moment. */
interface Slot {
  readonly callbacks: Set<() => void>;
  readonly cancel: () => void;
}

/**
 * A clock for work in the background that may be 250 ms late: its timers fire together, at multiples of that time, because each wake-up of an
 * idle process costs more than the work that it wakes up for. Timers shorter than that are not delayed.
 */
export function alignedClock(clock: Clock): Clock {
  /** By the multiple at which they fire. */
  const slots = new Map<number, Slot>();
  const fire = (multiple: number, callbacks: ReadonlySet<() => void>): void => {
    slots.delete(multiple);
    const errors: unknown[] = [];
    for (const callback of callbacks) {
      try {
        callback();
      } catch (error) {
        errors.push(error);
      }
    }
    // The others have run. The system's timer reports it, as it would without this clock.
    if (errors.length > 0) throw errors[0];
  };
  const slotAt = (multiple: number): Slot => {
    const found = slots.get(multiple);
    if (found !== undefined) return found;
    const callbacks = new Set<() => void>();
    const cancel = clock.timer(multiple * STEP_MS - clock.now(), () => fire(multiple, callbacks));
    const slot = { callbacks, cancel };
    slots.set(multiple, slot);
    return slot;
  };
  return {
    now: () => clock.now(),
    soon: (callback) => clock.soon(callback),
    timer(delayMs, callback) {
      if (delayMs < STEP_MS) return clock.timer(delayMs, callback);
      // The system may fire a timer a little early: a timer that is set then belongs to the next moment, not to the one after it.
      const multiple = Math.ceil((clock.now() + delayMs - 1) / STEP_MS);
      const slot = slotAt(multiple);
      let over = false;
      const once = () => {
        if (over) return;
        over = true;
        callback();
      };
      slot.callbacks.add(once);
      return () => {
        over = true;
        if (!slot.callbacks.delete(once) || slot.callbacks.size > 0 || slots.get(multiple) !== slot) return;
        slots.delete(multiple);
        slot.cancel();
      };
    },
  };
}
