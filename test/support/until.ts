import { setTimeout as sleep } from "node:timers/promises";
import { patient } from "../../scripts/suite/patience.ts";

/** Milliseconds that a test waits for one thing; less than the time limit of most tests, so that they clean up after it. */
const TIMEOUT_MS = patient(50_000);

/** Milliseconds between two checks. */
const CHECK_MS = 2;

/** Checks until `reached` gives something, and gives that. Rejects with `what` when that takes too long. */
export async function until<T>(
  reached: () => T | false | undefined | Promise<T | false | undefined>,
  what: string = String(reached),
): Promise<T> {
  const end = performance.now() + TIMEOUT_MS;
  for (;;) {
    const seen = await reached();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > end) throw new Error(`not within ${TIMEOUT_MS} ms: ${what}`);
    await sleep(CHECK_MS);
  }
}
