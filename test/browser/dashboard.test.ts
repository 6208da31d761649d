/** The dashboard in a real browser, at a relay with a publisher and a viewer. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { generateKey, publicJwk, signToken } from "../../auth/index.ts";
import { connect } from "../../relay/client/index.ts";
import { buildPage, DASHBOARD } from "../../scripts/build-web.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { ADMIN_SECRET } from "../support/admin.ts";
import { publishTo } from "../support/publisher.ts";
import { TestRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { launchChromium, missingBrowser } from "./support/chromium.ts";

const TIMEOUT = { timeout: patient(90_000) };
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

  async function open(view: string, token?: string, at = relay): Promise<Page> {
    const page = await (await browser.newContext()).newPage();
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("dialog", (dialog) => {
      errors.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("console", (message) => {
      // The answer 401, 403, 409 or 422 to a request is in the console as well; the page shows it.
      if (message.type() === "error" && !/status of (40[1349]|422)/.test(message.text())) errors.push(message.text());
    });
    await page.goto(at.admin("/ui/").href);
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

  /** Pictures of what is shown now, where a folder is named for them. */
  async function shoot(page: Page, name: string): Promise<void> {
    const shots = process.env["MOQMESH_SCREENSHOTS"];
    if (shots === undefined) return;
    await page.setViewportSize({ width: 1280, height: 900 });
    for (const theme of ["light", "dark"]) {
      await page.evaluate((next) => {
        document.documentElement.dataset["theme"] = next;
      }, theme);
      await page.screenshot({ path: join(shots, `${name}-${theme}.png`) });
    }
    await page.setViewportSize(PHONE);
    await page.screenshot({ path: join(shots, `${name}-phone.png`) });
    await page.setViewportSize({ width: 1280, height: 900 });
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
      for (const id of ["overview", "sessions", "broadcasts", "mesh", "policies", "keys", "audit"])
        assert.ok(views.includes(id), id);
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
      await writeFile(keyFile, JSON.stringify(publicJwk(key)));
      const guarded = await TestRelay.start({ "auth.key_file": keyFile }, { dashboardFolder: folder });
      const reader = await open("overview", await signToken(key, { admin: "read" }), guarded);
      await reader.waitForSelector("text=ready");
      await reader.waitForSelector("main .card h2");
      assert.equal(await reader.$("text=Drain"), null);
      for (const view of ["keys", "policies"]) {
        await reader.evaluate((id) => {
          location.hash = id;
        }, view);
        await reader.waitForSelector(view === "keys" ? "td:has-text('ops')" : "text=What holds for");
        assert.deepEqual(await reader.$$("main button"), []);
      }
      const actor = await open("overview", await signToken(key, { admin: "write" }), guarded);
      await actor.waitForSelector("text=Drain");
      const stranger = await open("overview", "x".repeat(40), guarded);
      await stranger.waitForSelector("text=this secret is not accepted");
      // A page that asks a relay that is gone has an error in its console.
      for (const page of [reader, actor, stranger]) await page.context().close();
      await guarded.stop();
    },
  );

  test(
    "policies are added, changed, removed and saved; a wrong value keeps the form and says why",
    TIMEOUT,
    async () => {
      const file = join(folder, "policies.toml");
      await writeFile(file, '[[policy]]\nprefix = "live"\ncache_bytes = "64MiB"\n');
      const own = await TestRelay.start({ "policies.file": file }, { dashboardFolder: folder });
      const page = await open("policies", ADMIN_SECRET, own);
      await page.waitForSelector("td:has-text('/live')");
      await page.click("main >> text=Add a policy");
      await page.fill("#form-dialog input >> nth=0", "live/tenant-a");
      await shoot(page, "policies-form");
      // The form shows what an empty field inherits.
      const budget = page.locator("#form-dialog label", { hasText: "Cache budget" }).locator("input");
      await budget.fill("lots");
      await page.click("#form-submit");
      await page.waitForSelector("#form-error:has-text('cache_bytes')");
      await budget.fill("");
      await page.locator("#form-dialog label", { hasText: "Tracks at most" }).locator("input").fill("5");
      await page.click("#form-submit");
      await page.waitForSelector("td:has-text('/live/tenant-a')");
      await page.waitForSelector("text=1 change is not in");
      await page.locator("tr", { hasText: "/live/tenant-a" }).locator("text=Change").click();
      assert.equal(await budget.getAttribute("placeholder"), "inherited: 64MiB");
      await page.locator("#form-dialog label", { hasText: "Watch without" }).locator("select").selectOption("no");
      // What keeps people out is asked again, and a no changes nothing.
      await page.click("#form-submit");
      await page.click("#confirm button[value=no]");
      await page.waitForSelector("#form-error:has-text('Nothing was changed')");
      await page.click("#form-submit");
      await page.waitForSelector("#confirm-text:has-text('under /live/tenant-a')");
      await page.click("#confirm-yes");
      await page.waitForSelector("td:has-text('Public subscribe no')");
      await page.fill("main .filters input", "live/tenant-a/cam");
      await page.press("main .filters input", "Enter");
      await page.waitForSelector("text=What holds for /live/tenant-a/cam");
      await page.waitForSelector("tr:has-text('Cache bytes'), tr:has-text('cache_bytes'):has-text('policy /live')");
      await shoot(page, "policies-list");
      await page.click("main >> text=Save");
      await page.waitForSelector("text=1 change is not in", { state: "detached" });
      assert.match(await readFile(file, "utf8"), /prefix = "live\/tenant-a"\npublic_subscribe = false\ntracks = 5\n/);
      await page.locator("tr", { hasText: "/live/tenant-a" }).locator("text=Remove").first().click();
      await page.click("#form-dialog button[value=no]");
      await page.locator("tr", { hasText: "/live/tenant-a" }).locator("text=Remove").first().click();
      await page.click("#form-submit");
      await page.waitForSelector("tr:has-text('Tracks 5')", { state: "detached" });
      await page.context().close();
      await own.stop();
    },
  );

  test("keys are added, removed and saved; a private key is not sent", TIMEOUT, async () => {
    const [first, second] = [
      await generateKey({ alg: "ES256", kid: "first" }),
      await generateKey({ alg: "ES256", kid: "second" }),
    ];
    const keys = join(folder, "keys");
    await mkdir(keys);
    await writeFile(join(keys, "first.jwk"), JSON.stringify(publicJwk(first)));
    const own = await TestRelay.start({ "auth.key_dir": keys }, { dashboardFolder: folder });
    const page = await open("keys", ADMIN_SECRET, own);
    const sent: string[] = [];
    page.on("request", (request) => {
      if (request.method() === "POST") sent.push(request.postData() ?? "");
    });
    await page.click("main >> text=Add a key");
    await page.fill("#form-dialog textarea", JSON.stringify(second.jwk));
    await page.click("#form-submit");
    await page.waitForSelector("#form-error:has-text('It was not sent')");
    assert.deepEqual(sent, []);
    await page.fill("#form-dialog textarea", JSON.stringify({ ...publicJwk(second), kid: "first" }));
    await page.click("#form-submit");
    await page.waitForSelector("#form-error:has-text('already')");
    await shoot(page, "keys-form");
    await page.fill("#form-dialog textarea", JSON.stringify(publicJwk(second)));
    await page.click("#form-submit");
    await page.waitForSelector("td:has-text('added, in no file')");
    await shoot(page, "keys-list");
    await page.locator("tr", { hasText: "first" }).locator("text=Remove").click();
    await page.waitForSelector("#form-note:has-text('0 open sessions came by it')");
    await shoot(page, "keys-remove");
    await page.click("#form-submit");
    await page.waitForSelector("td:has-text('first')", { state: "detached" });
    await page.click("main >> text=Save");
    await page.waitForSelector("td:has-text('added, in no file')", { state: "detached" });
    assert.deepEqual(await readdir(keys), ["second.jwk"]);
    await page.locator("tr", { hasText: "second" }).locator("text=Remove").click();
    await page.click("#form-submit");
    await page.waitForSelector("#form-error:has-text('this is the last key')");
    await page.locator("#form-dialog select").nth(1).selectOption("true");
    await page.click("#form-submit");
    await page.waitForSelector("text=this relay accepts no token");
    await page.context().close();
    await own.stop();
  });

  test("no page had an error of a script or of its content security policy", () => {
    assert.deepEqual(errors, []);
  });
});
