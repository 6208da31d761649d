import { setTimeout as delay } from "node:timers/promises";

/** Shortest time in milliseconds between two reloads. Signals that come in between cause one reload, so that a flood of signals costs little. */
const INTERVAL_MS = 1_000;

/**
 * Returns a function that reloads at most once in {@link INTERVAL_MS}; calls in between cause one more reload. `busy` is called when a reload
 * begins, with true, and when it has ended. `reload` never rejects.
 */
export function paced(reload: () => Promise<unknown>, busy: (reloading: boolean) => void): () => void {
  let running = false;
  let again = false;
  const run = async () => {
    do {
      again = false;
      busy(true);
      await reload();
      busy(false);
      await delay(INTERVAL_MS, undefined, { ref: false });
    } while (again);
    running = false;
  };
  return () => {
    again = true;
    if (running) return;
    running = true;
    void run();
  };
}
