/** Several sessions of one relay at a root: one that it left, or one that was not answered in time. */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { CLOSE_LEAVING, type NodeInfo } from "../../cluster/contract.ts";
import { NULL_SOURCE } from "../../cluster/control/null-source.ts";
import { ControlSessionServer } from "../../cluster/control/session-server.ts";
import { holdingPath, loadPath, nodePath, parseControlPath } from "../../cluster/control-paths.ts";
import { Registry } from "../../cluster/registry/registry.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { Publication } from "../../moq/model/broadcasts.ts";
import { nodeInfo, REGISTRY } from "./support.ts";

const LEASE_MS = 10_000;
const AD = { epoch: 1n, hops: [], cost: 0, ended: false };

let clock: ManualClock;
let registry: Registry;
let contested: string[][];

beforeEach(() => {
  clock = new ManualClock();
  contested = [];
  const note = (infos: readonly NodeInfo[]) => void contested.push(infos.map(({ url }) => url));
  registry = new Registry({ ...REGISTRY, contested: note, clock, leaseMs: LEASE_MS, maxNodes: 10, maxHoldings: 10 });
});

function tell(table: ControlSessionServer, path: string): Publication {
  const told = table.publish(path, AD, NULL_SOURCE);
  if (typeof told === "string") throw new Error(told);
  return told;
}

/** A session in which the relay has reported itself and `paths`. */
function session(info: NodeInfo, ...paths: string[]): ControlSessionServer {
  const table = new ControlSessionServer(registry);
  tell(table, nodePath(info));
  for (const path of paths) tell(table, holdingPath("b", path, info.node));
  table.complete();
  return table;
}

const known = () => [...registry.under("")].map(({ path }) => path).sort();

describe("sessions of one relay at a root", () => {
  it("a late message in a session that the relay has left changes nothing in the next one", () => {
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

  it("a later session that was given up leaves the relay to the earlier one", () => {
    const info = nodeInfo("o1");
    const now = session(info, "live/a");
    const givenUp = session(info);
    tell(now, holdingPath("b", "live/b", "o1"));
    givenUp.close(0);
    assert.deepEqual(known(), ["live/a", "live/b"]);
    clock.advance(2 * LEASE_MS);
    assert.deepEqual(known(), ["live/a", "live/b"]);
  });

  it("a session that takes over from another has reported all holdings of the relay", () => {
    const killed = session(nodeInfo("o1", "origin", { startedAt: 2 }), "live/a");
    session(nodeInfo("o1", "origin", { startedAt: 1 }), "live/b");
    assert.deepEqual(known(), ["live/a"]);
    killed.close(0);
    assert.deepEqual(known(), ["live/b"]);
  });

  it("a relay that was restarted twice stays announced when the session of its first start ends", async () => {
    const first = session(nodeInfo("o1", "origin", { startedAt: 3, hop: 1n }));
    session(nodeInfo("o1", "origin", { startedAt: 1, hop: 2n }));
    session(nodeInfo("o1", "origin", { startedAt: 2, hop: 3n }));
    const changes: string[] = [];
    new ControlSessionServer(registry).watch("n", {
      changed: ({ path, route }) => {
        const parsed = parseControlPath(path);
        assert.ok(parsed?.kind === "node");
        changes.push(`${parsed.info.hop} ${route() === undefined ? "gone" : "there"}`);
      },
    });
    first.close(0);
    await clock.run(0);
    assert.deepEqual(changes, ["2 there", "3 there", "1 gone", "2 gone"]);
  });

  it("a session does not register the relay again after it left in another session", () => {
    session(nodeInfo("o1"), "live/a");
    registry.evict("o1");
    assert.deepEqual(registry.counts, { nodes: 0, broadcasts: 0, holdings: 0 });
  });
});

describe("one name for two relays", () => {
  const SETTLE_MS = 5_000;
  const url = "https://copy:443";

  function relayAt(info: NodeInfo) {
    const table = new ControlSessionServer(registry);
    const heard: string[] = [];
    table.watch("n", {
      changed: (one) => {
        const parsed = parseControlPath(one.path);
        const where = parsed?.kind === "node" ? parsed.info.url : "";
        heard.push(`${one.route() === undefined ? "-" : "+"}${where}`);
      },
    });
    const publication = tell(table, nodePath(info));
    return { table, heard, publication };
  }

  it("is reported to the root and to both relays, with the URL of the other, once it cannot be a restart", () => {
    const first = relayAt(nodeInfo("o1", "origin", { hop: 1n }));
    const second = relayAt(nodeInfo("o1", "origin", { hop: 2n, url }));
    assert.deepEqual(second.heard, []);
    assert.deepEqual(contested, []);
    clock.advance(SETTLE_MS);
    assert.deepEqual(contested, [["https://o1:443", url]]);
    assert.deepEqual(first.heard, ["+https://o1:443", `+${url}`]);
    assert.equal(registry.get("o1")?.url, "https://o1:443");
    const listed = (table: ControlSessionServer) => [...table.list("n")].length;
    assert.deepEqual([listed(first.table), listed(second.table)], [2, 1], "the other one's is the registered one");
    second.table.close(0);
    assert.deepEqual(first.heard.slice(2), [`-${url}`]);
  });

  it("passes to the other relay when the first leaves, and is never withdrawn", () => {
    const first = relayAt(nodeInfo("o1", "origin", { hop: 1n }));
    const second = relayAt(nodeInfo("o1", "origin", { hop: 2n, url }));
    const watcher = relayAt(nodeInfo("o2", "origin", { hop: 3n }));
    clock.advance(SETTLE_MS);
    first.publication.end(false);
    assert.equal(registry.get("o1")?.url, url);
    assert.deepEqual(second.heard, ["+https://o2:443", "-https://o1:443", `+${url}`]);
    assert.deepEqual(watcher.heard, ["+https://o2:443", "-https://o1:443", `+${url}`]);
  });

  it("is not reported where one relay restarts or reconnects", () => {
    const info = nodeInfo("o1", "origin", { hop: 1n });
    const before = relayAt(info);
    relayAt(info);
    clock.advance(2 * SETTLE_MS);
    relayAt({ ...info, hop: 2n, startedAt: 2 });
    clock.advance(SETTLE_MS / 2);
    before.table.close(0);
    assert.deepEqual(contested, []);
  });
});

describe("the control session of a relay with a name in its token", () => {
  it("registers that relay only, and is closed when it tries another", () => {
    session(nodeInfo("o1"), "live/a");
    const refused: string[] = [];
    const evil = new ControlSessionServer(registry, { named: "evil", refuse: (message) => refused.push(message) });
    const stolen = nodeInfo("o1", "origin", { hop: 9n, startedAt: 9, url: "https://evil:443" });
    assert.equal(evil.publish(nodePath(stolen), AD, NULL_SOURCE), "unauthorized");
    assert.equal(evil.publish(holdingPath("b", "live/b", "o1"), AD, NULL_SOURCE), "unauthorized");
    evil.close(CLOSE_LEAVING);
    assert.deepEqual(known(), ["live/a"]);
    assert.equal(registry.get("o1")?.url, "https://o1:443");
    assert.match(refused[0] ?? "", /^node_mismatch: .*evil.*o1$/);
  });

  it("cannot speak for another relay once it is registered: neither its end, its load nor its broadcasts", () => {
    session(nodeInfo("o1"), "live/a");
    const evil = new ControlSessionServer(registry, { named: "evil" });
    tell(evil, nodePath(nodeInfo("evil", "edge", { hop: 9n })));
    tell(evil, loadPath("o1", { sessions: 9, subscriptions: 9 }));
    const refusedPaths = [holdingPath("b", "live/b", "o1"), nodePath(nodeInfo("o1", "origin", { draining: true }))];
    for (const path of refusedPaths) assert.equal(evil.publish(path, AD, NULL_SOURCE), "unauthorized");
    evil.close(CLOSE_LEAVING);
    assert.deepEqual(known(), ["live/a"]);
    const [o1] = [...registry.nodes()];
    assert.deepEqual([o1?.info.draining, o1?.load, o1?.present], [false, undefined, true]);
  });
});
