/** Which relays get less than their share of broadcasts, and since when a relay counts as busy. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Busy } from "../../cluster/busy.ts";
import { nodePath, parseControlPath } from "../../cluster/control-paths.ts";
import { rank } from "../../cluster/routes/rendezvous.ts";
import { RouteTable } from "../../cluster/routes/table.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { ANY_TIME, holdingOf, nodeInfo } from "./support.ts";

const WALL_MS = 1_000_000;
const RAMP_MS = 20_000;
const PATHS = Array.from({ length: 400 }, (_, n) => `live/${n}`);

function mesh(rampMs = RAMP_MS) {
  const clock = new ManualClock();
  let changes = 0;
  const table = new RouteTable({
    clocks: ANY_TIME,
    self: { node: "me", role: "edge", region: "eu", hop: 1_000n, startedAt: 1, publicUrl: "" },
    regions: [],
    hashDepth: 0,
    clock,
    wallNow: () => WALL_MS + clock.now(),
    rampMs,
    returnMs: 0,
    health: () => "unknown",
    changed: () => {},
    nodesChanged: () => void changes++,
    restarted: () => {},
  });
  table.node(nodeInfo("o1", "origin", { region: "us" }), "root");
  for (const path of PATHS) table.holding(holdingOf(path, "o1"), "s");
  const first = (keep?: string) => PATHS.map((path) => table.candidates(path, 1n, keep)[0]);
  const share = (node: string) => first().filter((one) => one === node).length / PATHS.length;
  const regional = (node: string, more = {}) => table.node(nodeInfo(node, "regional", more), "root");
  return { clock, table, first, share, regional, changes: () => changes };
}

describe("a busy relay", () => {
  it("comes after the other regionals and before the holder, and loses nothing that is taken from it", () => {
    const { table, first, regional, share } = mesh(0);
    for (const node of ["r1", "r2"]) regional(node);
    const before = first();
    regional("r1", { busy: true });
    assert.equal(share("r1"), 0);
    assert.deepEqual(table.candidates("live/1", 1n), ["r2", "r1", "o1"]);
    assert.deepEqual(first("r1"), before, "tracks that are taken from it stay");
    regional("r2", { busy: true });
    assert.deepEqual(first(), before, "there is no other one");
    assert.deepEqual(table.candidates("live/1", 1n), [...rank("live/1", ["r1", "r2"]), "o1"]);
  });

  it("comes last among holders of the same cost", () => {
    const { table } = mesh(0);
    table.node(nodeInfo("o2", "origin", { region: "us" }), "root");
    for (const path of PATHS) table.holding(holdingOf(path, "o2", { cost: path === "live/0" ? 0 : 5 }), "s");
    table.node(nodeInfo("o1", "origin", { region: "us", busy: true }), "root");
    assert.deepEqual(table.candidates("live/0", 1n), ["o2", "o1"]);
    assert.deepEqual(table.candidates("live/1", 1n), ["o1", "o2"], "cost counts more");
  });

  it("gets its share back by and by", () => {
    const { clock, regional, share } = mesh();
    regional("r1", { busy: true });
    regional("r2");
    clock.advance(60_000);
    regional("r1");
    assert.equal(share("r1"), 0);
    clock.advance(RAMP_MS / 2);
    assert.ok(share("r1") > 0.15 && share("r1") < 0.35, `${share("r1")}`);
    clock.advance(RAMP_MS / 2);
    assert.ok(share("r1") > 0.4, `${share("r1")}`);
  });

  it("is announced as such", () => {
    const busy = nodeInfo("r1", "regional", { busy: true });
    assert.deepEqual(parseControlPath(nodePath(busy)), { kind: "node", info: busy });
    const free = nodeInfo("r1", "regional");
    assert.deepEqual(parseControlPath(nodePath(free)), { kind: "node", info: free });
  });
});

describe("a relay that has just started", () => {
  it("gets its share during the ramp: the same broadcasts at every relay, and none of them goes back", () => {
    const { clock, regional, first, share, changes } = mesh();
    regional("r1");
    regional("r2", { startedAt: WALL_MS, hop: 2n });
    const seen: number[] = [share("r2")];
    let before = new Set<number>();
    for (let step = 0; step < 10; step++) {
      const at = changes();
      clock.advance(RAMP_MS / 10);
      assert.ok(changes() > at, "routes are chosen again");
      seen.push(share("r2"));
      const now = new Set(first().flatMap((node, n) => (node === "r2" ? [n] : [])));
      for (const one of before) assert.ok(now.has(one));
      before = now;
    }
    assert.equal(seen[0], 0);
    assert.ok((seen[5] ?? 0) > 0.15 && (seen[5] ?? 0) < 0.35, `${seen}`);
    assert.deepEqual(
      first(),
      PATHS.map((path) => rank(path, ["r1", "r2"])[0]),
    );
    clock.advance(RAMP_MS);
    assert.equal(clock.pending, 0);
  });

  it("begins a new ramp when it restarts, and needs none where a clock is wrong, or where all started together", () => {
    const { clock, regional, share } = mesh();
    regional("r1", { startedAt: WALL_MS });
    regional("r2", { startedAt: WALL_MS });
    assert.ok(share("r1") > 0.4 && share("r2") > 0.4);
    clock.advance(RAMP_MS);
    regional("r2", { startedAt: WALL_MS + RAMP_MS, hop: 2n });
    assert.equal(share("r2"), 0);
    clock.advance(RAMP_MS);
    assert.ok(share("r2") > 0.4);
    regional("r2", { startedAt: WALL_MS + 10_000_000, hop: 3n });
    clock.advance(RAMP_MS);
    assert.ok(share("r2") > 0.4, "its clock is far ahead");
  });
});

describe("an edge that has started", () => {
  it("gets few viewers that others send away, and has no relay choose its routes again", () => {
    const { clock, table, changes } = mesh();
    const before = changes();
    table.node(nodeInfo("e1", "edge", { startedAt: WALL_MS }), "root");
    clock.advance(RAMP_MS / 2);
    assert.equal(table.share("e1"), 0.5);
    assert.deepEqual([changes() - before, clock.pending], [1, 0]);
  });
});

describe("a relay near its bounds", () => {
  const changes = (mark: number, fullness: readonly number[]) => {
    const busy = new Busy(mark);
    return fullness.map((one) => Number(busy.next(one))).join("");
  };

  it("is busy after two reports above the mark, and free after three well below it", () => {
    assert.equal(changes(0.8, [0.9, 0.5, 0.9, 0.8, 0.7, 0.7, 0.6, 0.6, 0.7, 0.6, 0.6, 0.6, 0.6]), "0001111111100");
  });

  it("is free again where the mark is low", () => {
    assert.equal(changes(0.1, [0.1, 0.1, 0.02, 0.02, 0.02]), "01110");
  });

  it("is never busy where no mark is set", () => {
    assert.equal(changes(0, [1, 1, 1, 1]), "0000");
  });
});
