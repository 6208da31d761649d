import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Scope, type ScopeSink, scopeKey } from "../../cluster/contract.ts";
import { gapsOf, Hitless, MeshSource } from "../../cluster/failover/index.ts";
import { MeshBroadcasts } from "../../cluster/mesh-broadcasts.ts";
import { Rootless } from "../../cluster/rootless/rootless.ts";
import { RouteTable } from "../../cluster/routes/table.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import { CACHE, LIMITS } from "../model/support.ts";
import { ANY_TIME, FakePeers, holdingOf, nodeInfo } from "./support.ts";

const LINGER_MS = 10_000;

describe("a scope that is asked for again during a handover", () => {
  it("keeps its answer when the former one stops", () => {
    const clock = new ManualClock();
    const broadcasts = new Broadcasts({ clock, limits: LIMITS, cache: CACHE });
    const asked: { key: string; sink: ScopeSink }[] = [];
    const self = nodeInfo("me", "edge");
    const counters = { failovers: 0, splices: 0, groupsResumed: 0, groupsLost: 0 };
    const table: RouteTable = new RouteTable({
      clocks: ANY_TIME,
      self,
      regions: [],
      hashDepth: 0,
      clock,
      wallNow: () => 0,
      rampMs: 0,
      returnMs: 0,
      health: () => "up",
      changed: (path) => mesh.changed(path),
      nodesChanged: () => mesh.nodesChanged(),
      restarted: () => {},
    });
    const links = { use: () => () => {}, session: () => undefined, health: () => "unknown" as const };
    const rootless = new Rootless({
      clock,
      links,
      table,
      leaseMs: 10_000,
      alone: false,
      refused: () => {},
      activeChanged: () => {},
    });
    const ask = (scope: Scope, sink: ScopeSink) => {
      asked.push({ key: scopeKey(scope), sink });
      return () => {};
    };
    const hitless = new Hitless([], broadcasts.counters);
    const mesh: MeshBroadcasts = new MeshBroadcasts({
      clocks: ANY_TIME,
      self,
      broadcasts,
      clock,
      wallNow: () => clock.now(),
      registrar: { hold: () => {}, release: () => {}, ask },
      table,
      rootless,
      links: { use: () => () => {}, session: () => undefined },
      lingerMs: LINGER_MS,
      maxScopes: 10,
      redundant: [],
      cost: 0,
      source: (on) =>
        new MeshSource({
          clock,
          peers: new FakePeers(),
          holdMs: 5_000,
          lostAs: "upstream",
          counters,
          gaps: gapsOf(broadcasts.counters),
          hitless,
          warm: { want: () => {} },
          ...on,
        }),
      refused: () => {},
    });
    const leave = mesh.watching("live", () => {}, false);
    mesh.wanting("live/a");
    const tell = () => asked.at(-1)?.sink.holding(holdingOf("live/b", "o1"));
    tell();
    leave();
    clock.advance(LINGER_MS);
    assert.equal(asked.at(-1)?.key, "exact/live/a", "no relay has answered yet, so the wider scope is still asked for");
    mesh.watching("live", () => {}, false);
    tell();
    clock.advance(LINGER_MS);
    assert.deepEqual(
      table.holders("live/b")?.holdings.map(({ node }) => node),
      ["o1"],
    );
    mesh.close();
  });
});
