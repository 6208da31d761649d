import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds that a test waits for one thing; less than the time limit of most tests, so that they clean up behind it. */
const PATIENCE_MS = 50_000;

/** Milliseconds between two looks. */
const LOOK_MS = 5;

/** Looks until `reached`. Rejects with the condition when that takes too long. */
export async function until(reached: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!reached()) {
    if (performance.now() > end) throw new Error(`not within ${PATIENCE_MS} ms: ${reached}`);
    await sleep(LOOK_MS);
  }
}
