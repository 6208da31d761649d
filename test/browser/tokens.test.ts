/** Tokens in a real browser: what a viewer sees, and when the picture stops after its token expired or was revoked. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { ClaimsInput } from "../../auth/index.ts";
import { codeOf } from "../../moq/session/lite/codes.ts";
import { buildPage } from "../../scripts/build-web.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { TestKey } from "../support/keys.ts";
import { TestRelay } from "../support/relay.ts";
import { launchChromium, missingBrowser } from "./support/chromium.ts";
import { firstLook, type Look, look } from "./support/picture.ts";
import { type Reporter, survivingCrash } from "./support/renderer.ts";

const TIMEOUT = { timeout: patient(90_000) };
const WATCHED = "#watch-canvas";
/** Milliseconds of the viewer's token in the test of expiry: a browser that starts slowly gets a picture before. */
const LIFE_MS = patient(15_000);
/** Longest time in milliseconds from the end of a token to the last picture; some 100 ms are the picture's own age. */
const MAX_LATE_MS = 1_000;
/** Milliseconds without a new picture after which it has stopped. */
const STILL_MS = 2_000;

describe("the demo page with tokens in Chromium", { skip: missingBrowser() }, () => {
  let folder: string;
  let key: TestKey;
  let relay: TestRelay;
  let browser: Browser;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "moqmesh-page-tokens-"));
    await buildPage(folder);
    key = await TestKey.make("page");
    relay = await TestRelay.start({ "http.page": "true", "auth.key_file": key.file }, { pageFolder: folder });
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await relay?.stop();
    await key?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const surviving = (work: Parameters<typeof survivingCrash>[1]) => survivingCrash(() => browser, work);

  async function open(claims: ClaimsInput, parameters: Record<string, string>): Promise<Page> {
    const address = relay.url;
    const url = `${relay.url}?jwt=${await key.token(claims)}`;
    for (const [name, value] of Object.entries({ url, ...parameters })) {
      address.searchParams.set(name, value);
    }
    const page = await (await browser.newContext()).newPage();
    await page.goto(address.href);
    return page;
  }

  /** Reads the canvas from `first` on until the picture stops changing. Gives the time at which the last picture was drawn. */
  async function lastPicture(page: Page, first: Look): Promise<number> {
    let last = first;
    for (;;) {
      const next = await look(page, WATCHED);
      if (next !== undefined && next.shown > last.shown) last = next;
      else if (performance.timeOrigin + performance.now() - last.seen > STILL_MS) return last.shown;
      await page.waitForTimeout(20);
    }
  }

  function assertCutOff(t: Reporter, what: string, late: number): void {
    t.diagnostic(`the last picture was drawn ${Math.round(late)} ms after the token ${what}`);
    assert.ok(late < MAX_LATE_MS, `${late} ms`);
  }

  test(
    "a viewer is disconnected when its token expires",
    TIMEOUT,
    surviving(async (t) => {
      const publisher = await open({ root: "live", put: "" }, { publish: "pattern", name: "live/expires.hang" });
      const exp = Math.ceil((Date.now() + LIFE_MS) / 1000);
      const viewer = await open({ root: "live", get: "", exp }, { watch: "live/expires.hang" });
      const first = await firstLook(viewer, WATCHED);
      assert.ok(first.seen < exp * 1000, "there was a picture before");
      assertCutOff(t, "expired", (await lastPicture(viewer, first)) - exp * 1000);
      assert.ok(relay.counters.sessionsClosed.token_expired > 0);
      await publisher.close();
    }),
  );

  test(
    "a viewer is disconnected when its token is revoked, and another viewer keeps watching",
    TIMEOUT,
    surviving(async (t, attempt) => {
      const jti = `browser-${attempt}`;
      const publisher = await open({ root: "live", put: "" }, { publish: "pattern", name: "live/revoked.hang" });
      const viewer = await open({ root: "live", get: "", jti }, { watch: "live/revoked.hang" });
      const other = await open({ root: "live", get: "", jti: "browser-other" }, { watch: "live/revoked.hang" });
      await firstLook(other, WATCHED);
      const last = lastPicture(viewer, await firstLook(viewer, WATCHED));
      const revokedAt = Date.now();
      const answer = await relay.revoke({ jti });
      assert.equal(answer.status, 200);
      assertCutOff(t, "was revoked", (await last) - revokedAt);
      await firstLook(other, WATCHED, Date.now());
      await publisher.close();
    }),
  );

  test(
    "a page without a token says that it needs one, and stops trying",
    TIMEOUT,
    surviving(async () => {
      const page = await (await browser.newContext()).newPage();
      await page.goto(relay.at("http", "/?watch=live/x.hang").href);
      const alert = page.locator("#watch-error:not([hidden])");
      await alert.waitFor();
      assert.match(
        (await alert.textContent()) ?? "",
        /refused this page: a token is needed .*\(token_missing\)\. Add a token/,
      );
      assert.equal(await page.textContent("#watch-state"), "Refused by the relay");
      assert.equal(await page.textContent("#publish-hint"), "Only viewers whose token grants this name can watch it.");
      await page.close();
    }),
  );

  test(
    "a page that may not publish a name says so, and stops trying",
    TIMEOUT,
    surviving(async () => {
      const page = await open({ root: "live", get: "" }, { publish: "pattern", name: "live/x.hang" });
      await page.waitForFunction(
        () => document.querySelector("#publish-state")?.textContent === "Refused by the relay",
      );
      assert.match((await page.textContent("#publish-error")) ?? "", /does not let this page publish live\/x\.hang/);
      await page.close();
    }),
  );

  test(
    "a page gets the code and the text with which the relay closes its session",
    TIMEOUT,
    surviving(async (t) => {
      const { engine } = relay.relay;
      if (engine !== "native") {
        t.skip(`${engine} closes sessions in its own way`);
        return;
      }
      const page = await open({ root: "", get: "" }, {});
      const jwt = key.tokens.at(-1) ?? "";
      const closed = await page.evaluate(async (token) => {
        const hex = (await (await fetch("/certificate.sha256")).text()).trim();
        const value = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
        const options = { serverCertificateHashes: [{ algorithm: "sha-256", value }], protocols: ["moq-lite-04"] };
        const session = new WebTransport(`https://${location.host}/?jwt=${token}`, options);
        await session.ready;
        // The relay asks for announcements; what is announced here, `x` with no hops, may not be published.
        const { value: stream } = await session.incomingBidirectionalStreams.getReader().read();
        await stream.writable.getWriter().write(Uint8Array.of(4, 1, 1, 0x78, 0));
        const { closeCode, reason } = await session.closed;
        return { closeCode, reason };
      }, jwt);
      assert.deepEqual(closed, { closeCode: codeOf("unauthorized"), reason: 'not allowed to publish "x"' });
      await page.close();
    }),
  );

  test(
    "a page that may watch nothing says so in place of the list and of the picture",
    TIMEOUT,
    surviving(async () => {
      const page = await open({ root: "live", put: "" }, { watch: "live/x.hang" });
      await page.waitForFunction(() =>
        /may watch nothing/.test(document.querySelector("#live-empty")?.textContent ?? ""),
      );
      const alert = page.locator("#watch-error:not([hidden])");
      await alert.waitFor();
      assert.match((await alert.textContent()) ?? "", /does not let this page watch live\/x\.hang/);
      await page.close();
    }),
  );

  test(
    "a copied link has no token, and the page says so",
    TIMEOUT,
    surviving(async () => {
      const page = await open({ root: "live", get: "" }, { watch: "live/x.hang" });
      await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
      await page.click("#watch-share");
      await page.waitForFunction(() =>
        /Copied, without/.test(document.querySelector("#watch-share")?.textContent ?? ""),
      );
      const link = await page.evaluate(() => navigator.clipboard.readText());
      assert.equal(new URL(link).search, "?watch=live%2Fx.hang");
      await page.close();
    }),
  );

  test("the log contains no token", () => {
    const text = JSON.stringify(relay.entries);
    assert.match(text, /browser-1/);
    for (const token of key.tokens) for (const part of token.split(".")) assert.equal(text.includes(part), false);
  });
});
