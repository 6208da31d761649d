import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds between two looks. */
const STEP_MS = 100;

/** Looks until `look` finds something; nothing when it does not within `ms`. A look that fails counts as one that does not find. */
export async function waitFor<T>(ms: number, look: () => Promise<T | undefined>): Promise<T | undefined> {
  const end = performance.now() + ms;
  for (;;) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    if (performance.now() >= end) return undefined;
    await sleep(STEP_MS);
  }
}
