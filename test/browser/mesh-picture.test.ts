/** The picture of the mesh in a real browser: laid out without overlaps at every width, and of a real mesh where screenshots are wanted. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { Role } from "../../cluster/contract.ts";
import { buildPage, DASHBOARD } from "../../scripts/build-web.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { Stage, sendUntil } from "../mesh/support/stage.ts";
import { type Settings, TestRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { launchChromium, missingBrowser } from "./support/chromium.ts";

const TIMEOUT = { timeout: patient(90_000) };
const WIDE = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };
const SHOTS = process.env["MOQMESH_SCREENSHOTS"];

type Area = Readonly<Record<"left" | "right" | "top" | "bottom", number>>;

/** A relay as a root lists it. */
function relayOf(node: string, role: Role, region: string, links: readonly string[], more: object = {}) {
  const load = { sessions: 1, subscriptions: 1, viewers: 12, broadcasts: 3, bits_in: 1e6, bits_out: 123_456_789 };
  const at = { url: `https://${node}:4443`, version: "1.0.0", draining: false, present: true };
  return {
    node,
    role,
    region,
    ...at,
    ...load,
    groups_dropped: 0,
    links: links.map((to) => ({ node: to, rtt_ms: 80.25 })),
    ...more,
  };
}

const LONG = "a-relay-with-a-name-as-long-as-a-name-may-be-in-this-mesh";

const NODES = [
  relayOf("root-1", "root", "eu", []),
  relayOf("origin-eu", "origin", "eu", []),
  relayOf("regional-eu", "regional", "eu", ["origin-eu"]),
  ...Array.from({ length: 15 }, (_, n) =>
    relayOf(`edge-eu-${n}`, "edge", "eu", [n === 0 ? "origin-eu" : "regional-eu"]),
  ),
  relayOf("origin-us", "origin", "us", [], { draining: true }),
  relayOf(LONG, "regional", "us", ["origin-eu", "origin-us"]),
  relayOf("edge-us", "edge", "us", [LONG], { present: false }),
  relayOf("edge-nowhere", "edge", "", [LONG]),
];

const ANSWER = {
  node: "root-1",
  role: "root",
  region: "eu",
  roots: { configured: 1, connected: 1 },
  upstreams: [],
  regions: ["", "eu", "us"].map((region) => ({ region, relays: 1, viewers: 5, bits_in: 1, bits_out: 2_000_000 })),
  nodes: NODES,
  broadcasts: [],
};

describe("the picture of the mesh in Chromium", { skip: missingBrowser() }, () => {
  let folder: string;
  let relay: TestRelay;
  let browser: Browser;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "moqmesh-picture-"));
    await buildPage(folder, DASHBOARD);
    relay = await TestRelay.start({ "cluster.node": "root-1", "cluster.role": "root" }, { dashboardFolder: folder });
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await relay?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function open(at: URL, answer: object | undefined, viewport: { width: number; height: number }): Promise<Page> {
    const page = await (await browser.newContext({ viewport })).newPage();
    if (answer !== undefined)
      await page.route("**/api/v1/cluster", (route) =>
        route.fulfill({ contentType: "application/json", json: answer }),
      );
    await page.goto(new URL("/ui/#mesh", at).href);
    await page.waitForSelector("svg.mesh text");
    return page;
  }

  for (const [name, viewport] of Object.entries({ "a desktop": WIDE, "a phone": PHONE })) {
    test(
      `has every relay in its region on ${name}, no box over another, and each name inside its box`,
      TIMEOUT,
      async () => {
        const page = await open(relay.admin("/"), ANSWER, viewport);
        const seen = await page.evaluate(() => {
          // Written in place: helpers that the compiler gives names to are not known in the page.
          const boxes = [...document.querySelectorAll("svg.mesh > g:not(.region)")].map((one) => ({
            rect: one.querySelector("rect")?.getBoundingClientRect().toJSON() as Area,
            texts: [...one.querySelectorAll("text")]
              .filter((text) => text.textContent !== "")
              .map((text) => text.getBoundingClientRect().toJSON() as Area),
            title: one.querySelector("title")?.textContent ?? "",
          }));
          const regions = [...document.querySelectorAll("svg.mesh > g.region")].map((one) => ({
            rect: one.querySelector("rect")?.getBoundingClientRect().toJSON() as Area,
            title: one.querySelector("text")?.textContent ?? "",
          }));
          const lines = [...document.querySelectorAll("svg.mesh path title")].map((one) => one.textContent ?? "");
          const small = document.querySelector("svg.mesh text.small")?.getBoundingClientRect().height ?? 0;
          return { boxes, regions, lines, small, page: document.documentElement.scrollWidth };
        });
        assert.ok(seen.page <= viewport.width, `${seen.page} pixels wide`);
        // 12 of 15 edges are drawn.
        assert.equal(seen.boxes.length, NODES.length - 3);
        assert.deepEqual(
          seen.regions.map(({ title }) => title),
          ["no region", "eu · 3 more in the table", "us"],
        );
        const over = (a: Area, b: Area) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
        const inside = (a: Area, b: Area) =>
          a.left >= b.left - 0.5 && a.right <= b.right + 0.5 && a.top >= b.top - 0.5 && a.bottom <= b.bottom + 0.5;
        for (const [n, { rect, texts, title }] of seen.boxes.entries()) {
          for (const other of seen.boxes.slice(n + 1)) assert.ok(!over(rect, other.rect), `${title} ~ ${other.title}`);
          for (const text of texts) assert.ok(inside(text, rect), `a text of ${title} is outside of its box`);
          assert.equal(seen.regions.filter((region) => inside(rect, region.rect)).length, 1, title);
        }
        for (const [n, { rect, title }] of seen.regions.entries())
          for (const other of seen.regions.slice(n + 1))
            assert.ok(!over(rect, other.rect), `${title} ~ ${other.title}`);
        // 15 edges with one link each, less the 3 that are not drawn; the regionals have three, edges elsewhere two.
        assert.equal(seen.lines.length, 12 + 3 + 2);
        assert.ok(seen.lines.includes(`${LONG} takes media from origin-eu (80 ms)`), seen.lines.join("\n"));
        assert.ok(seen.small >= 9, `small texts are ${seen.small} pixels high`);
        await page.context().close();
      },
    );
  }

  test("of two regions is drawn as a real mesh reports it", { ...TIMEOUT, skip: SHOTS === undefined }, async () => {
    const stage = await Stage.open();
    const ui = { dashboardFolder: folder };
    const root = await stage.relay("root-1", "root", { "cluster.region": "eu-west" }, ui);
    const start = (node: string, role: Role, region: string, more: Settings = {}) =>
      stage.relay(node, role, { "cluster.region": region, "cluster.root": root.url, ...OPEN, ...more }, ui);
    const east = await start("origin-us", "origin", "us-east");
    const west = await start("origin-eu", "origin", "eu-west");
    await start("regional-us", "regional", "us-east");
    await start("regional-eu", "regional", "eu-west");
    const edges = [
      await start("edge-us-1", "edge", "us-east"),
      await start("edge-us-2", "edge", "us-east"),
      await start("edge-eu-1", "edge", "eu-west"),
      await start("edge-eu-2", "edge", "eu-west"),
    ];
    await until(() => [...(root.relay.cluster()?.registry?.nodes() ?? [])].length === 9);
    const one = (await stage.client(east.url)).publish("live/from-us");
    const two = (await stage.client(west.url)).publish("live/from-eu");
    const viewers = [];
    for (const { url } of edges)
      for (const path of ["live/from-us", "live/from-eu"]) viewers.push((await stage.client(url)).watch(path));
    const end = performance.now() + 12_000;
    await Promise.all([one, two].map((publisher) => sendUntil(publisher, 0, () => performance.now() > end)));
    assert.ok(viewers.every(({ groups }) => groups.length > 0));
    const at = new URL(`http://127.0.0.1:${root.relay.adminAddress?.port}/`);
    for (const [name, viewport] of Object.entries({ light: WIDE, phone: PHONE })) {
      const page = await open(at, undefined, viewport);
      await page.screenshot({ path: join(SHOTS ?? "", `mesh-${name}.png`) });
      await page.click("#theme");
      await page.screenshot({ path: join(SHOTS ?? "", `mesh-${name}-dark.png`), fullPage: true });
      await page.context().close();
    }
    await stage.close();
  });
});

const OPEN = { "auth.public_subscribe": "/", "auth.public_publish": "/" };
