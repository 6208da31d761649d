/** The dashboard in a real browser, at a relay with a publisher and a viewer. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { generateKey, publicJwk, signToken } from "../../auth/index.ts";
import { connect } from "../../relay/client/index.ts";
import { buildPage, DASHBOARD } from "../../scripts/build-web.ts";
import { ADMIN_SECRET } from "../support/admin.ts";
import { publishTo } from "../support/publisher.ts";
import { TestRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { launchChromium, missingBrowser } from "./support/chromium.ts";

const TIMEOUT = { timeout: 90_000 };
/** A name that would run a script if it were read as markup. */
const HOSTILE = "live/<img src=x onerror=alert(1)>";
const PHONE = { width: 390, height: 844 };

describe("the dashboard in Chromium", { skip: missingBrowser() }, () => {
  let folder: string;
  let relay: TestRelay;
  let browser: Browser;
  /** Errors of every page: of scripts, of the console, of the content security policy. */
  const errors: string[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "moqmesh-dashboard-"));
    await buildPage(folder, DASHBOARD);
    relay = await TestRelay.start(
      { "cluster.node": "root-1", "cluster.role": "root", "auth.public_subscribe": "/", "auth.public_publish": "/" },
      { dashboardFolder: folder },
    );
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await relay?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function open(view: string, token?: string): Promise<Page> {
    const page = await (await browser.newContext()).newPage();
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("dialog", (dialog) => {
      errors.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("console", (message) => {
      // The answer 401 or 403 to a request is in the console as well; the page shows it.
      if (message.type() === "error" && !/status of 40[134]/.test(message.text())) errors.push(message.text());
    });
    await page.goto(relay.admin("/ui/").href);
    if (token !== undefined) {
      await page.click("#token");
      await page.fill("#token-value", token);
      await page.click("#token-dialog button[value=yes]");
    }
    await page.evaluate((id) => {
      location.hash = id;
    }, view);
    return page;
  }

  test(
    "every view shows what the relay has, names of broadcasts are text, and a phone needs no sideways scrolling",
    TIMEOUT,
    async () => {
      const publisher = await publishTo(relay.at("ws"), HOSTILE, "video", [["a"]]);
      const viewer = await connect(relay.at("ws"), { trust: { kind: "system" }, timeoutMs: 5_000 });
      await until(() => relay.counters.broadcastsActive === 1);
      const page = await open("overview", ADMIN_SECRET);
      await page.waitForSelector("text=ready");
      const views = await page.$$eval("#views a", (links) =>
        links.map((link) => link.getAttribute("href")?.slice(1) ?? ""),
      );
      for (const id of ["overview", "sessions", "broadcasts", "mesh", "audit"]) assert.ok(views.includes(id), id);
      for (const id of views) {
        await page.setViewportSize({ width: 1280, height: 900 });
        await page.evaluate((next) => {
          location.hash = next;
        }, id);
        await page.waitForSelector("main .card h2");
        const shots = process.env["MOQMESH_SCREENSHOTS"];
        if (shots !== undefined) {
          await page.waitForTimeout(id === "overview" ? 9_000 : 500);
          await page.screenshot({ path: join(shots, `${id}-light.png`) });
          await page.click("#theme");
          await page.screenshot({ path: join(shots, `${id}-dark.png`) });
          await page.click("#theme");
        }
        await page.setViewportSize(PHONE);
        await page.waitForTimeout(50);
        if (shots !== undefined) await page.screenshot({ path: join(shots, `${id}-phone.png`) });
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= PHONE.width, `${id} is ${width} pixels wide`);
      }
      await page.setViewportSize({ width: 1280, height: 900 });
      await page.keyboard.press("?");
      await page.waitForSelector("#keys-dialog[open]");
      await page.keyboard.press("Escape");
      await page.evaluate(() => {
        location.hash = "broadcasts";
      });
      await page.waitForSelector(`td:has-text("onerror")`);
      assert.equal(await page.$("td img"), null);
      await viewer.close();
      publisher.session.close(0, "");
      await page.context().close();
    },
  );

  test("a session is closed after a question, and its peer reads the reason", TIMEOUT, async () => {
    const publisher = await publishTo(relay.at("ws"), "live/close-me", "video", [["a"]]);
    const page = await open("sessions", ADMIN_SECRET);
    await page.click("td.actions button");
    await page.click("#confirm button[value=no]");
    assert.equal(relay.counters.sessionsActive, 1);
    await page.click("td.actions button");
    await page.fill("#confirm-reason", "not today");
    await page.click("#confirm-yes");
    assert.equal((await publisher.closed).message, "not today");
    await page.waitForSelector("text=No session fits.");
    await page.context().close();
  });

  test(
    "a token that may read shows no buttons that act, and a wrong one is refused with its reason",
    TIMEOUT,
    async () => {
      const key = await generateKey({ alg: "ES256", kid: "ops" });
      const keyFile = join(folder, "ops.jwk");
      await import("node:fs/promises").then(({ writeFile }) => writeFile(keyFile, JSON.stringify(publicJwk(key))));
      const guarded = await TestRelay.start({ "auth.key_file": keyFile }, { dashboardFolder: folder });
      const outer = relay;
      relay = guarded;
      const reader = await open("overview", await signToken(key, { admin: "read" }));
      await reader.waitForSelector("text=ready");
      await reader.waitForSelector("main .card h2");
      assert.equal(await reader.$("text=Drain"), null);
      const actor = await open("overview", await signToken(key, { admin: "write" }));
      await actor.waitForSelector("text=Drain");
      const stranger = await open("overview", "x".repeat(40));
      await stranger.waitForSelector("text=this secret is not accepted");
      // A page that asks a relay that is gone has an error in its console.
      for (const page of [reader, actor, stranger]) await page.context().close();
      relay = outer;
      await guarded.stop();
    },
  );

  test("no page had an error of a script or of its content security policy", () => {
    assert.deepEqual(errors, []);
  });
});
