import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds between two calls. */
const STEP_MS = 100;

/** Calls `look` until it returns a value; undefined when it has not within `ms`. A call that rejects counts as no value. */
export async function waitFor<T>(ms: number, look: () => Promise<T | undefined>): Promise<T | undefined> {
  const end = performance.now() + ms;
  for (;;) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    if (performance.now() >= end) return undefined;
    await sleep(STEP_MS);
  }
}
