/** The demo page while the relay that it watches is killed and started again. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { freePorts } from "../../lab/ports.ts";
import { buildPage } from "../../scripts/build-web.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { Program, QUIET } from "../cli/support/process.ts";
import { TestRelay } from "../support/relay.ts";
import { launchChromium, missingBrowser } from "./support/chromium.ts";
import { firstLook } from "./support/picture.ts";

/** Longest time without a picture, in milliseconds: three seconds until the page dials again, a start of the relay, and a busy machine. */
const LONGEST_MS = 10_000;
const NAME = "killed.hang";
const WATCHED = "#watch-canvas";

describe("the demo page of a relay that is killed", { skip: missingBrowser() }, () => {
  test("shows the picture again soon after the relay restarts", { timeout: patient(90_000) }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-killed-"));
    await buildPage(folder);
    const pages = await TestRelay.start({ "http.page": "true" }, { pageFolder: folder });
    const [port = 0] = await freePorts(1);
    const settings = ["serve", ...QUIET, "--port", String(port), "--tls.state_dir", join(folder, "state")];
    const killed = new Program(settings);
    await killed.ready();
    const browser = await launchChromium();
    const context = await browser.newContext();
    const open = async (parameters: Record<string, string>) => {
      const address = new URL(pages.url);
      address.search = new URLSearchParams({ url: `http://127.0.0.1:${port}/`, ...parameters }).toString();
      const page = await context.newPage();
      await page.goto(address.href);
      return page;
    };
    await open({ publish: "pattern", name: NAME });
    const watcher = await open({ watch: NAME });
    await firstLook(watcher, WATCHED);
    killed.kill("SIGKILL");
    await killed.ends();
    const back = new Program(settings);
    await back.ready();
    const since = Date.now();
    const { seen } = await firstLook(watcher, WATCHED, since);
    await browser.close();
    back.kill("SIGTERM");
    await Promise.all([back.ends(), pages.stop()]);
    await rm(folder, { recursive: true, force: true });
    const waited = Math.round(seen - since);
    t.diagnostic(`${waited} ms after the relay was ready`);
    assert.ok(waited < LONGEST_MS, `${waited} ms`);
  });
});
