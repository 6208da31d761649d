/** How long a holder that came back waits until it is preferred again. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Health, RouteTable } from "../../cluster/routes/table.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { ANY_TIME, holdingOf, nodeInfo } from "./support.ts";

const RETURN_MS = 10_000;

function holders(returnMs = RETURN_MS) {
  const clock = new ManualClock();
  const health = new Map<string, Health>();
  let changes = 0;
  const table = new RouteTable({
    clocks: ANY_TIME,
    self: { node: "me", role: "regional", region: "eu", hop: 1_000n, startedAt: 1, publicUrl: "" },
    regions: [],
    hashDepth: 0,
    clock,
    wallNow: () => 1_000_000 + clock.now(),
    rampMs: 0,
    returnMs,
    health: (node) => health.get(node) ?? "unknown",
    changed: () => {},
    nodesChanged: () => void changes++,
    restarted: () => {},
  });
  const hold = (node: string, cost: number) => table.holding(holdingOf("live/a", node, { cost }), "s");
  for (const node of ["cheap", "dear"]) table.node(nodeInfo(node), "root");
  hold("cheap", 0);
  hold("dear", 5);
  const first = (keep?: string) => table.candidates("live/a", 1n, keep)[0];
  /** The publisher at the cheap one is lost and comes back. */
  const flap = () => {
    table.holdingGone("live/a", "cheap", "s");
    hold("cheap", 0);
  };
  const lose = (node: string, as: Health = "down") => {
    health.set(node, as);
    table.healthChanged(node);
    health.delete(node);
  };
  return { clock, table, first, flap, lose, hold, changes: () => changes };
}

describe("a holder that came back", () => {
  it("is preferred again after the time, and at once where none is set", () => {
    const { clock, first, flap, changes } = holders();
    assert.equal(first(), "cheap", "both became known together");
    clock.advance(60_000);
    flap();
    assert.equal(first(), "dear");
    assert.equal(first("cheap"), "cheap", "a track that is taken from it stays");
    const before = changes();
    clock.advance(RETURN_MS - 1);
    assert.equal(first(), "dear");
    clock.advance(1);
    assert.equal(first(), "cheap");
    assert.ok(changes() > before, "routes are chosen again");
    assert.equal(clock.pending, 0);
    const none = holders(0);
    none.clock.advance(60_000);
    none.flap();
    assert.equal(none.first(), "cheap");
  });

  it("waits where its link was lost or suspected, and where it restarted", () => {
    for (const how of ["down", "suspected", "restart"] as const) {
      const { clock, table, first, lose } = holders();
      clock.advance(60_000);
      if (how === "restart") table.node(nodeInfo("cheap", "origin", { hop: 2n }), "root");
      else lose("cheap", how);
      assert.equal(first(), "dear", how);
      clock.advance(RETURN_MS);
      assert.equal(first(), "cheap", how);
    }
  });

  it("is used without a wait where no other holder is there, or all have just come back", () => {
    const { clock, table, first, flap, lose } = holders();
    clock.advance(60_000);
    flap();
    lose("dear");
    assert.equal(first(), "cheap");
    table.holdingGone("live/a", "dear", "s");
    assert.equal(first(), "cheap");
  });

  it("waits for longer each time that it is lost again soon, and not for ever", () => {
    const { clock, first, flap } = holders();
    clock.advance(60_000);
    const waits: number[] = [];
    for (let n = 0; n < 7; n++) {
      flap();
      let waited = 0;
      for (; first() === "dear"; waited += 1_000) clock.advance(1_000);
      waits.push(waited / RETURN_MS);
    }
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 16, 16]);
    clock.advance(20 * 16 * RETURN_MS);
    flap();
    clock.advance(RETURN_MS);
    assert.equal(first(), "cheap", "it was stable for long");
  });
});
