/** A test begins again, once, when Chromium's renderer crashes under it. */
import type { TestContext } from "node:test";
import type { Browser } from "playwright-core";

/** What a test says about itself. */
export type Reporter = Pick<TestContext, "diagnostic" | "skip">;

/** Crashes of the renderer that the tests of one file may have together. One is chance; a page of ours that crashes it does it again. */
const MAX_CRASHES = 1;

let crashes = 0;

/**
 * Runs `work`. When a renderer crashes, it prints that with the test, closes all pages and runs `work` again. Any other error, and the
 * next crash, fail the test. `attempt` is 1 or 2: `work` makes the names from it that the relay remembers.
 */
export function survivingCrash(
  browser: () => Browser,
  work: (t: Reporter, attempt: number) => Promise<void>,
): (t: Reporter) => Promise<void> {
  return async (t) => {
    try {
      await work(t, 1);
    } catch (error) {
      if (!isCrash(error) || ++crashes > MAX_CRASHES) throw error;
      t.diagnostic(`the renderer of Chromium crashed, and the test begins again: ${String(error)}`);
      await Promise.all(
        browser()
          .contexts()
          .map(async (context) => await context.close()),
      );
      await work(t, 2);
    }
  };
}

/** What the test asked of the page is refused with such an error. */
function isCrash(error: unknown): boolean {
  return error instanceof Error && /\b(?:Target|[Pp]age) crashed\b/.test(error.message);
}
