/** Several sessions of one relay at a root: one that it left, or one that nobody answered in time. */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { NodeInfo } from "../../cluster/contract.ts";
import { NOBODY } from "../../cluster/control/nobody.ts";
import { holdingPath, nodePath } from "../../cluster/control/paths.ts";
import { Registry } from "../../cluster/registry/registry.ts";
import { RootTable } from "../../cluster/root/table.ts";
import type { Publication } from "../../relay/model/origin.ts";
import { ManualClock } from "../support/clock.ts";
import { nodeInfo } from "./support.ts";

const LEASE_MS = 10_000;
const AD = { epoch: 1n, hops: [], cost: 0, ended: false };

let clock: ManualClock;
let registry: Registry;

beforeEach(() => {
  clock = new ManualClock();
  registry = new Registry({ clock, leaseMs: LEASE_MS, maxNodes: 10, maxHoldings: 10 });
});

function tell(table: RootTable, path: string): Publication {
  const told = table.publish(path, AD, NOBODY);
  if (typeof told === "string") throw new Error(told);
  return told;
}

/** A session in which the relay has told of itself and of `paths`. */
function session(info: NodeInfo, ...paths: string[]): RootTable {
  const table = new RootTable(registry);
  tell(table, nodePath(info));
  for (const path of paths) tell(table, holdingPath("b", path, info.node));
  table.complete();
  return table;
}

const known = () => [...registry.under("")].map(({ path }) => path).sort();

describe("sessions of one relay at a root", () => {
  it("what comes late in one that the relay has left takes nothing from the next one", () => {
    const info = nodeInfo("o1");
    const before = session(info, "live/a");
    const now = session(info, "live/a");
    tell(before, nodePath({ ...info, draining: true }));
    assert.equal(registry.get("o1")?.draining, false);
    tell(now, holdingPath("b", "live/b", "o1"));
    before.close(0);
    clock.advance(2 * LEASE_MS);
    assert.deepEqual(known(), ["live/a", "live/b"]);
  });

  it("one that began later and was given up leaves the relay to the one that it has", () => {
    const info = nodeInfo("o1");
    const now = session(info, "live/a");
    const givenUp = session(info);
    tell(now, holdingPath("b", "live/b", "o1"));
    givenUp.close(0);
    assert.deepEqual(known(), ["live/a", "live/b"]);
    clock.advance(2 * LEASE_MS);
    assert.deepEqual(known(), ["live/a", "live/b"]);
  });

  it("one that waited for another to be over has told all that the relay holds", () => {
    const killed = session(nodeInfo("o1", "origin", { startedAt: 2 }), "live/a");
    session(nodeInfo("o1", "origin", { startedAt: 1 }), "live/b");
    assert.deepEqual(known(), ["live/a"]);
    killed.close(0);
    assert.deepEqual(known(), ["live/b"]);
  });

  it("one that hears of the relay's leave elsewhere does not bring it back", () => {
    session(nodeInfo("o1"), "live/a");
    registry.evict("o1");
    assert.deepEqual(registry.counts, { nodes: 0, broadcasts: 0, holdings: 0 });
  });
});
