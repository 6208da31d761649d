/** The helper that begins a test again when the renderer crashes: with a page that really does. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { launchChromium, missingBrowser } from "./support/chromium.ts";
import { survivingCrash } from "./support/renderer.ts";

describe("a test whose renderer crashes", { skip: missingBrowser() }, () => {
  let browser: Browser;
  const attempts: number[] = [];
  const printed: string[] = [];

  before(async () => {
    browser = await launchChromium();
  });
  after(() => browser?.close());

  /** Crashes the renderer in the first `times` attempts. */
  const crashing = async (times: number) => {
    attempts.length = 0;
    const work = survivingCrash(
      () => browser,
      async (_, attempt) => {
        attempts.push(attempt);
        const page = await (await browser.newContext()).newPage();
        if (attempt <= times) void page.goto("chrome://crash").catch(() => {});
        await page.waitForFunction((crashes) => !crashes, attempt <= times);
      },
    );
    await work({ diagnostic: (text) => void printed.push(text), skip: () => {} });
  };

  it("begins again with no page open, and prints the crash", async () => {
    await crashing(1);
    assert.deepEqual(attempts, [1, 2]);
    assert.match(printed.join(), /^the renderer of Chromium crashed, and the test begins again: .*crashed/s);
    assert.equal(browser.contexts().length, 1);
  });

  it("fails when it is not the first crash of its file", async () => {
    await assert.rejects(crashing(1), /crashed/);
    assert.deepEqual(attempts, [1]);
  });

  it("fails at once for any other error", async () => {
    const work = survivingCrash(
      () => browser,
      () => Promise.reject(new Error("the picture stood still")),
    );
    await assert.rejects(work({ diagnostic: () => assert.fail("printed"), skip: () => {} }), /stood still/);
  });
});
