import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeLoad } from "../../cluster/contract.ts";
import { loadPath, parseControlPath } from "../../cluster/control-paths.ts";
import { LoadReport } from "../../cluster/load-report.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { IDLE_MS } from "../../lab/sim/settings.ts";
import { World } from "../../lab/sim/world.ts";
import { Counters } from "../../moq/counters.ts";
import { clusterView } from "../../relay/mesh/view.ts";

/** Longest path that a session takes unless configured otherwise, in bytes. */
const PATH_BYTES = 1_024;

/** The report as a root reads it. */
function read(text: string): NodeLoad | undefined {
  const parsed = parseControlPath(text);
  return parsed?.kind === "load" ? parsed.load : undefined;
}

/** A report with these fields, as a relay of any version may send it. */
const reported = (fields: object) => `l/one/${Buffer.from(JSON.stringify(fields)).toString("base64url")}`;

const TRAFFIC = { viewers: 3, broadcasts: 1, bitsIn: 8_000, bitsOut: 24_000, dropped: 2 };

describe("a relay's report of its load", () => {
  it("has payload in bits a second since the report before, and groups that subscribers lost", () => {
    const clock = new ManualClock();
    const counters = new Counters();
    const report = new LoadReport({
      clock,
      counters,
      broadcasts: () => 4,
      bounds: () => ({ sessions: 0, bitsOut: 0 }),
      cpu: () => 0,
      links: () => [],
    });
    counters.bytesIn = 5_000;
    assert.deepEqual(report.next().traffic, { viewers: 0, broadcasts: 4, bitsIn: 0, bitsOut: 0, dropped: 0 });
    clock.advance(5_000);
    Object.assign(counters, { bytesIn: 10_000, bytesOut: 20_000, viewersActive: 7, sessionsActive: 9 });
    Object.assign(counters.groupsDropped, { backlog: 2, evicted: 1, stopped: 50 });
    const { sessions, traffic } = report.next();
    assert.equal(sessions, 9);
    assert.deepEqual(traffic, { viewers: 7, broadcasts: 4, bitsIn: 8_000, bitsOut: 32_000, dropped: 3 });
    assert.deepEqual(report.next().traffic?.bitsOut, 0);
  });

  it("has the highest part of the bounds that are known: sessions, egress and CPU", () => {
    const clock = new ManualClock();
    const counters = new Counters();
    const most = { sessions: 100, bitsOut: 1_000_000 };
    let cpu = 0.125;
    const report = new LoadReport({
      clock,
      counters,
      broadcasts: () => 0,
      bounds: () => most,
      cpu: () => cpu,
      links: () => [],
    });
    assert.equal(report.next().fullness, 0.125);
    counters.sessionsActive = 50;
    assert.equal(report.next().fullness, 0.5);
    clock.advance(1_000);
    counters.bytesOut = 93_750;
    assert.equal(report.next().fullness, 0.75);
    cpu = 1;
    assert.equal(report.next().fullness, 1);
    most.sessions = 0;
    cpu = 0;
    assert.equal(report.next().fullness, 0, "no bound is known");
  });

  it("is read as it was written, and a root of an earlier version finds its two fields", () => {
    const load = {
      sessions: 5,
      subscriptions: 6,
      traffic: TRAFFIC,
      fullness: 0.87,
      links: [{ node: "r1", rttMs: 1.5 }, { node: "r2" }],
    };
    const path = loadPath("one", load);
    assert.deepEqual(read(path), load);
    const fields: unknown = JSON.parse(Buffer.from(path.split("/")[2] ?? "", "base64url").toString());
    assert.ok(typeof fields === "object" && fields !== null && "sessions" in fields && "subscriptions" in fields);
  });

  it("of an earlier or a later version is read as far as it is known", () => {
    assert.deepEqual(read(reported({ sessions: 1, subscriptions: 2 })), { sessions: 1, subscriptions: 2 });
    const later = { sessions: 1, subscriptions: 2, ...TRAFFIC, weather: "fine" };
    assert.deepEqual(read(reported(later)), { sessions: 1, subscriptions: 2, traffic: TRAFFIC });
  });

  it("with values that cannot be is read without them", () => {
    for (const odd of [-1, 0.5, "9", null, Number.MAX_VALUE]) {
      const load = read(reported({ sessions: 1, subscriptions: 2, ...TRAFFIC, bitsOut: odd }));
      assert.deepEqual(load, { sessions: 1, subscriptions: 2 }, String(odd));
    }
    const links = [["r1", -5], ["no name", 1], "r2", [7, 7], ["r3", 2]];
    const load = read(reported({ sessions: 1, subscriptions: 2, links }));
    assert.deepEqual(load?.links, [{ node: "r1" }, { node: "r3", rttMs: 2 }]);
  });

  it("fits into a path however long the names are, without the links that do not fit", () => {
    const links = Array.from({ length: 16 }, (_, n) => ({ node: `${n}`.padEnd(63, "x"), rttMs: 123.4 }));
    const path = loadPath("n".repeat(63), { sessions: 1e9, subscriptions: 1e9, traffic: TRAFFIC, links });
    assert.ok(path.length < PATH_BYTES, `${path.length}`);
    const kept = read(path)?.links?.length ?? 0;
    assert.ok(kept > 0 && kept < 16, `${kept}`);
  });
});

describe("the regions of a root", () => {
  it("have the viewers, bits, broadcasts and losses of their relays", async () => {
    const world = new World(["root"], () => 0.5);
    await world.start("root", "root", "us");
    await world.start("o1", "origin", "us");
    await world.start("r1", "regional", "eu");
    await world.start("e1", "edge", "eu");
    await world.start("e2", "edge", "eu");
    await world.pass(500);
    const live = (await world.client("o1")).publish("live/a");
    await world.pass(200);
    for (const edge of ["e1", "e1", "e2"]) (await world.client(edge)).watch("live/a");
    for (let group = 0; group < 120; group++) {
      live.send(group, "x".repeat(1_000));
      await world.pass(100);
    }
    const { registry, upstreams } = clusterView(world.relay("root").mesh);
    assert.deepEqual(upstreams, []);
    const [eu, us, ...others] = registry?.regions() ?? [];
    assert.deepEqual(others, []);
    assert.deepEqual(
      [eu, us].map((one) => [one?.region, one?.relays, one?.silent, one?.viewers, one?.broadcasts, one?.dropped]),
      [
        ["eu", 3, 0, 3, 0, 0],
        ["us", 2, 0, 0, 1, 0],
      ],
    );
    // 80 kbit/s come to the origin, and in the other region to the regional and two edges.
    assert.ok(Math.abs((us?.bitsIn ?? 0) - 80_000) < 8_000, `${us?.bitsIn}`);
    assert.ok(Math.abs((us?.bitsOut ?? 0) - 80_000) < 8_000, `${us?.bitsOut}`);
    assert.ok(Math.abs((eu?.bitsIn ?? 0) - 240_000) < 24_000, `${eu?.bitsIn}`);
    assert.ok(Math.abs((eu?.bitsOut ?? 0) - 400_000) < 40_000, `${eu?.bitsOut}`);
    const links = [...(registry?.nodes() ?? [])].map(({ node, links: to }) => [node, to?.map((one) => one.node)]);
    assert.deepEqual(Object.fromEntries(links), { root: [], o1: [], r1: ["o1"], e1: ["r1"], e2: ["r1"] });
    // An edge that wants to know the delay between other relays asks the root for their reports.
    const asked = async (node: string) => {
      const answer = world.relay("e1").mesh.control.loadOf(node);
      await world.pass(100);
      return (await answer)?.links?.map((one) => [one.node, (one.rttMs ?? 0) > 0]);
    };
    assert.deepEqual(await asked("r1"), [["o1", true]]);
    assert.deepEqual(await asked("root"), []);
    assert.equal(await asked("nobody"), undefined);
    void world.relay("e2").kill();
    await world.pass(IDLE_MS + 1_000);
    assert.equal(registry?.regions()[0]?.relays, 2);
    assert.deepEqual(world.defects, []);
  });
});
