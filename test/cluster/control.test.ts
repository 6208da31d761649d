/** Control sessions between relays and roots: real sessions at moqmesh-1, over a simulated network with a turned clock. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeInfo, ScopeSink } from "../../cluster/contract.ts";
import { ControlClient } from "../../cluster/control/client.ts";
import { LocalSession } from "../../cluster/control/local.ts";
import { ControlSessionServer } from "../../cluster/control/session-server.ts";
import { nodePath, parseControlPath } from "../../cluster/control-paths.ts";
import { Registry } from "../../cluster/registry/registry.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { MemoryNetwork } from "../../lab/network/memory-network.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import {
  type AnnounceTable,
  ChannelRegistry,
  openAccess,
  type Session,
  type SessionReport,
  startSession,
} from "../../moq/session/index.ts";
import { CACHE, LIMITS } from "../model/support.ts";
import { SESSION_LIMITS } from "../session/support.ts";
import { CONTROL, holdingOf, nodeInfo, REGISTRY } from "./support.ts";

const LINK = { uniStreams: 100, bidiStreams: 100, idleTimeoutMs: 600, keepAliveMs: 150, queueMark: 1_000_000 };
const LEASE_MS = 10_000;

class World {
  readonly clock = new ManualClock();
  readonly network = new MemoryNetwork({ clock: this.clock, settings: { latencyMs: 5 } });
  readonly defects: unknown[] = [];
  #hops = 1n;

  /** A root that listens at `name:1`. */
  async root(name: string, announcements = SESSION_LIMITS.announcementsPerSession) {
    const registry = new Registry({
      ...REGISTRY,
      clock: this.clock,
      leaseMs: LEASE_MS,
      maxNodes: 100,
      maxHoldings: 1_000,
    });
    const engine = this.network.engine();
    const hop = this.#hops++;
    const listener = await engine.listen(
      { host: name, port: 1, protocols: ["moqmesh-1"], certificate: { cert: "", key: "" }, limits: LINK },
      (request) =>
        request.accept((link) => {
          const table = new ControlSessionServer(registry);
          const limits = { ...SESSION_LIMITS, announcementsPerSession: announcements };
          const deps = { ...this.#deps(hop, table, ({ code }) => table.close(code)), limits };
          return startSession(deps, ({ announced }) => void announced.then(() => table.complete()))(link);
        }),
    );
    return { registry, engine, listener };
  }

  relay(node: string, roots: readonly string[], more: Partial<NodeInfo> = {}): ControlClient {
    const engine = this.network.engine();
    const hop = this.#hops++;
    const client = new ControlClient({
      ...CONTROL,
      clock: this.clock,
      random: () => 0.5,
      self: nodeInfo(node, "origin", { hop, ...more }),
      roots: roots.map((name) => `https://${name}:1/`),
      leaseMs: LEASE_MS,
      unreachable: () => {},
      defect: (error) => {
        throw error;
      },
      rooted: () => {},
      dial: async (url, table, gone) => {
        let session: Session | undefined;
        const attach = startSession(this.#deps(hop, table, gone), (started) => {
          session = started;
        });
        const protocols = ["moqmesh-1"];
        const trust = { kind: "insecure" } as const;
        await engine.dial({ url: new URL(url), protocols, trust, limits: LINK, timeoutMs: 1_000 }, attach);
        if (session === undefined) throw new Error("no session");
        return session;
      },
    });
    client.start();
    return client;
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 50) {
      this.clock.advance(Math.min(50, left));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #deps(hop: bigint, table: AnnounceTable, closed: (report: SessionReport) => void) {
    return {
      broadcasts: new Broadcasts({ clock: this.clock, limits: LIMITS, cache: CACHE }),
      clock: this.clock,
      limits: SESSION_LIMITS,
      channels: new ChannelRegistry(),
      hop,
      access: openAccess(""),
      table,
      announcePrefix: "",
      defect: (error: unknown) => void this.defects.push(error),
      closed,
    };
  }
}

/** Notes what a root announces. */
class Notes implements ScopeSink {
  readonly log: string[] = [];

  node({ node, draining }: NodeInfo): void {
    this.log.push(`+${node}${draining ? " draining" : ""}`);
  }

  nodeGone(node: string): void {
    this.log.push(`-${node}`);
  }

  holding({ path, node, epoch, hops, cost }: ReturnType<typeof holdingOf>): void {
    this.log.push(`+${path} ${node} ${epoch} [${hops}] ${cost}`);
  }

  holdingGone(path: string, node: string): void {
    this.log.push(`-${path} ${node}`);
  }

  complete(): void {
    this.log.push("complete");
  }

  take(): string[] {
    return this.log.splice(0);
  }
}

/** An origin of the root `root` that has live/a, and an edge that asks that root for everything. */
function publishedAt(world: World) {
  const [origin, edge] = [world.relay("o1", ["root"]), world.relay("e1", ["root"])];
  const notes = new Notes();
  edge.ask({ kind: "under", prefix: "" }, notes);
  origin.hold(holdingOf("live/a", "o1", { hops: [2n] }));
  return { origin, edge, notes };
}

describe("a control session", () => {
  it("announces to one relay what another registered, under a prefix and for one path, until it is released", async () => {
    const world = new World();
    await world.root("root");
    const [origin, edge] = [world.relay("o1", ["root"]), world.relay("e1", ["root"])];
    await world.pass(200);
    const [under, exact, other] = [new Notes(), new Notes(), new Notes()];
    edge.ask({ kind: "under", prefix: "live" }, under);
    edge.ask({ kind: "exact", path: "live/a" }, exact);
    edge.ask({ kind: "under", prefix: "else" }, other);
    origin.hold(holdingOf("live/a", "o1", { epoch: 7n, hops: [42n, 2n], cost: 3 }));
    origin.hold(holdingOf("live/a/deep", "o1", { hops: [2n] }));
    await world.pass(200);
    // Each of the two sessions adds its cost of 1; hops are the publisher's and the relay's own.
    assert.deepEqual(under.take().sort(), ["+live/a o1 7 [42,2] 3", "+live/a/deep o1 1 [2] 0", "complete"]);
    assert.deepEqual(exact.take().sort(), ["+live/a o1 7 [42,2] 3", "complete"]);
    assert.deepEqual(other.take(), ["complete"]);
    origin.hold(holdingOf("live/a", "o1", { epoch: 8n, hops: [42n, 2n], cost: 3 }));
    await world.pass(200);
    assert.deepEqual(exact.take(), ["+live/a o1 8 [42,2] 3"]);
    origin.release("live/a");
    await world.pass(200);
    assert.deepEqual(exact.take(), ["-live/a o1"]);
    assert.deepEqual(world.defects, []);
  });

  it("announces relays that come, drain and leave, and rivals only of paths that the relay itself holds", async () => {
    const world = new World();
    const { registry } = await world.root("root");
    const one = world.relay("o1", ["root"]);
    await world.pass(200);
    const [nodes, rivals] = [new Notes(), new Notes()];
    one.ask({ kind: "nodes" }, nodes);
    one.ask({ kind: "rivals" }, rivals);
    const two = world.relay("o2", ["root"]);
    await world.pass(200);
    two.setLoad({ sessions: 3, subscriptions: 4 });
    two.hold(holdingOf("live/a", "o2", { hops: [3n] }));
    two.hold(holdingOf("live/b", "o2", { hops: [3n] }));
    await world.pass(200);
    assert.deepEqual(rivals.take(), ["complete"]);
    one.hold(holdingOf("live/a", "o1", { hops: [2n] }));
    await world.pass(200);
    assert.deepEqual(rivals.take(), ["+live/a o2 1 [3] 0"]);
    assert.deepEqual([...registry.nodes()].find(({ info }) => info.node === "o2")?.load, {
      sessions: 3,
      subscriptions: 4,
    });
    two.inform(nodeInfo("o2", "origin", { hop: 3n, draining: true }));
    await world.pass(200);
    two.leave();
    await world.pass(200);
    assert.deepEqual(
      nodes.take().filter((line) => line !== "complete" && !line.includes("o1")),
      ["+o2", "+o2 draining", "-o2"],
    );
    assert.deepEqual(rivals.take(), ["-live/a o2"]);
    assert.deepEqual(world.defects, []);
  });

  it("keeps what a cut answer announced, and asks again after a lease", async () => {
    const world = new World();
    // The origin registers itself and three broadcasts; the edge asks for those twice.
    await world.root("root", 4);
    const [origin, edge] = [world.relay("o1", ["root"]), world.relay("e1", ["root"])];
    origin.hold(holdingOf("live/a", "o1", { hops: [2n] }));
    origin.hold(holdingOf("live/b", "o1", { hops: [2n] }));
    await world.pass(200);
    const lists = [new Notes(), new Notes()] as const;
    const releases = lists.map((list) => edge.ask({ kind: "under", prefix: "live" }, list));
    await world.pass(200);
    for (const list of lists) assert.equal(list.take().length, 3, "both broadcasts, and that it is complete");
    origin.hold(holdingOf("live/c", "o1", { hops: [2n] }));
    await world.pass(LEASE_MS / 2);
    const cut = lists.findIndex((list) => !list.log.some((line) => line.startsWith("+live/c")));
    assert.notEqual(cut, -1, "there is no room for the third broadcast in both lists");
    assert.deepEqual(lists[cut]?.take(), []);
    releases[1 - cut]?.();
    await world.pass(LEASE_MS);
    const again = lists[cut]?.take() ?? [];
    assert.ok(again.includes("+live/c o1 1 [2] 0"), again.join());
    assert.ok(again.includes("complete"));
    assert.deepEqual(world.defects, []);
  });

  it("may be lost: what was announced stays known, and a restarted root learns everything again", async () => {
    const world = new World();
    const first = await world.root("root");
    const { origin, edge, notes } = publishedAt(world);
    origin.hold(holdingOf("live/b", "o1", { hops: [2n] }));
    await world.pass(300);
    assert.equal(notes.take().length, 3);
    await first.listener.close();
    await world.pass(3_000);
    assert.deepEqual([edge.connected, notes.take()], [0, []]);
    origin.release("live/b");
    const second = await world.root("root");
    await world.pass(6_000);
    assert.deepEqual([edge.connected, second.registry.counts.holdings], [1, 1]);
    await world.pass(LEASE_MS + 1_000);
    // An announcement that is repeated changes nothing; one that is not repeated is withdrawn in the end.
    assert.deepEqual(notes.take(), ["+live/a o1 1 [2] 0", "complete", "-live/b o1"]);
  });

  it("may be lost, reopened and lost again: nothing is forgotten while there is none", async () => {
    const world = new World();
    const first = await world.root("root");
    const { origin, edge, notes } = publishedAt(world);
    await world.pass(300);
    await first.listener.close();
    await world.pass(1_000);
    const second = await world.root("root");
    await world.pass(6_000);
    await second.listener.close();
    notes.take();
    await world.pass(2 * LEASE_MS);
    assert.deepEqual([edge.connected, notes.take()], [0, []]);
    origin.release("live/a");
    await world.root("root");
    await world.pass(6_000 + LEASE_MS);
    assert.deepEqual(notes.take(), ["complete", "-live/a o1"]);
  });

  it("withdraws nothing while a new root is still answering; what that root does not announce expires after its answer", async () => {
    const world = new World();
    const { registry, engine } = await world.root("root");
    const origin = world.relay("o1", ["root"]);
    const names = Array.from({ length: 400 }, (_, n) => `live/${n}`);
    for (const name of names) origin.hold(holdingOf(name, "o1", { hops: [1n] }));
    await world.pass(1_000);
    assert.equal(registry.counts.holdings, 400);
    const gone: string[] = [];
    let again = 0;
    registry.watchUnder("", {
      holding: () => void again++,
      holdingGone: ({ path }) => void gone.push(path),
    });
    world.network.cut(engine);
    await world.pass(1_000);
    assert.equal(origin.connected, 0);
    origin.release("live/7");
    world.network.configure({ bandwidth: 1_000 });
    world.network.heal(engine);
    await world.pass(5_000);
    assert.ok(again > 0 && again < 399, `${again} of 399 told after five seconds: it is slow`);
    assert.deepEqual(gone, []);
    await world.pass(30_000);
    assert.equal(registry.counts.holdings, 399);
    assert.deepEqual(gone, ["live/7"]);
    assert.deepEqual(world.defects, []);
  });

  it("closed by a leaving relay removes the relay at once, even when its withdrawals are lost", async () => {
    const world = new World();
    const { registry } = await world.root("root");
    const [leaves, breaks, stays] = ["o1", "o2", "e1"].map((node) => world.relay(node, ["root"]));
    assert.ok(leaves && breaks && stays);
    for (let n = 0; n < 100; n++) leaves.hold(holdingOf(`live/${n}`, "o1"));
    breaks.hold(holdingOf("live/0", "o2"));
    const notes = new Notes();
    stays.ask({ kind: "exact", path: "live/0" }, notes);
    await world.pass(200);
    assert.deepEqual([registry.counts.nodes, registry.counts.holdings], [3, 101]);
    notes.take();
    // A close does not flush streams: none of the withdrawals of `leave` is sent.
    leaves.leave();
    leaves.close();
    breaks.close();
    await world.pass(200);
    const present = [...registry.nodes()].map((entry) => `${entry.info.node} ${entry.present}`);
    assert.deepEqual(present.toSorted(), ["e1 true", "o2 false"]);
    assert.deepEqual([registry.counts.holdings, notes.take()], [1, ["-live/0 o1"]]);
    assert.deepEqual(world.defects, []);
  });

  it("is open to every root: each knows everything, and the next is asked when the first is lost", async () => {
    const world = new World();
    const [first, second] = [await world.root("root-1"), await world.root("root-2")];
    const [origin, edge] = [world.relay("o1", ["root-1", "root-2"]), world.relay("e1", ["root-1", "root-2"])];
    const notes = new Notes();
    edge.ask({ kind: "under", prefix: "" }, notes);
    origin.hold(holdingOf("live/a", "o1", { hops: [3n] }));
    await world.pass(300);
    assert.deepEqual([first.registry.counts.holdings, second.registry.counts.holdings], [1, 1]);
    assert.deepEqual(notes.take().sort(), ["+live/a o1 1 [3] 0", "complete"]);
    await first.listener.close();
    await world.pass(500);
    origin.hold(holdingOf("live/b", "o1", { hops: [3n] }));
    await world.pass(500);
    assert.ok(notes.take().includes("+live/b o1 1 [3] 0"));
  });
});

describe("what a root announced", () => {
  it("stays known when the next root is lost as well, while no root is up", async () => {
    const world = new World();
    const [first, second] = [await world.root("root-1"), await world.root("root-2")];
    const [origin, edge] = [world.relay("o1", ["root-1"]), world.relay("e1", ["root-1", "root-2"])];
    const notes = new Notes();
    edge.ask({ kind: "under", prefix: "" }, notes);
    origin.hold(holdingOf("live/a", "o1", { hops: [3n] }));
    await world.pass(300);
    assert.deepEqual(notes.take().sort(), ["+live/a o1 1 [3] 0", "complete"]);
    await first.listener.close();
    await world.pass(1_000);
    assert.deepEqual(notes.take(), ["complete"]);
    await second.listener.close();
    await world.pass(2 * LEASE_MS);
    assert.deepEqual([edge.connected, notes.take()], [0, []]);
  });

  it("reaches both of two askers of the same scope, also after one of them stops", async () => {
    const world = new World();
    await world.root("root");
    const [origin, edge] = [world.relay("o1", ["root"]), world.relay("e1", ["root"])];
    await world.pass(200);
    const [one, two] = [new Notes(), new Notes()];
    const stop = edge.ask({ kind: "nodes" }, one);
    edge.ask({ kind: "nodes" }, two);
    await world.pass(200);
    stop();
    one.take();
    two.take();
    origin.inform(nodeInfo("o1", "origin", { hop: 2n, draining: true }));
    await world.pass(200);
    assert.deepEqual([one.take(), two.take()], [[], ["+o1 draining"]]);
    origin.leave();
    await world.pass(200);
    assert.deepEqual(two.take(), ["-o1"]);
  });

  it("is announced once, however often the same is registered", async () => {
    const world = new World();
    await world.root("root");
    const [origin, edge] = [world.relay("o1", ["root"]), world.relay("e1", ["root"])];
    const notes = new Notes();
    edge.ask({ kind: "under", prefix: "" }, notes);
    await world.pass(200);
    notes.take();
    for (let times = 0; times < 3; times++) {
      origin.hold(holdingOf("live/a", "o1", { hops: [2n] }));
      await world.pass(200);
    }
    assert.deepEqual(notes.take(), ["+live/a o1 1 [2] 0"]);
  });

  it("about rivals is withdrawn when the relay itself releases the broadcast", async () => {
    const world = new World();
    await world.root("root");
    const [one, two] = [world.relay("o1", ["root"]), world.relay("o2", ["root"])];
    await world.pass(200);
    const rivals = new Notes();
    one.ask({ kind: "rivals" }, rivals);
    two.hold(holdingOf("live/a", "o2", { hops: [3n] }));
    one.hold(holdingOf("live/a", "o1", { hops: [2n] }));
    await world.pass(200);
    assert.deepEqual(rivals.take().sort(), ["+live/a o2 1 [3] 0", "complete"]);
    one.release("live/a");
    await world.pass(200);
    assert.deepEqual(rivals.take(), ["-live/a o2"]);
  });
});

describe("a registered relay", () => {
  it("is not withdrawn when the root is lost twice within a lease", async () => {
    const world = new World();
    const first = await world.root("root");
    const { notes } = publishedAt(world);
    await world.pass(300);
    await first.listener.close();
    const second = await world.root("root");
    await world.pass(LEASE_MS - 1_000);
    await second.listener.close();
    // The lease of what the first root announced would be over now.
    await world.pass(3_000);
    await world.root("root");
    await world.pass(LEASE_MS * 2);
    assert.deepEqual(
      notes.take().filter((line) => line.startsWith("-")),
      [],
    );
    assert.deepEqual(world.defects, []);
  });

  it("stays registered after a restart with a clock that is behind", async () => {
    const world = new World();
    const { registry } = await world.root("root");
    const edge = world.relay("e1", ["root"]);
    const before = world.relay("o1", ["root"], { startedAt: 100_000 });
    const [nodes, under] = [new Notes(), new Notes()];
    edge.ask({ kind: "nodes" }, nodes);
    edge.ask({ kind: "under", prefix: "" }, under);
    await world.pass(300);
    nodes.take();
    const after = world.relay("o1", ["root"], { startedAt: 5_000 });
    after.hold(holdingOf("live/a", "o1", { hops: [9n] }));
    await world.pass(300);
    assert.equal(registry.counts.holdings, 0, "the one before still speaks");
    before.close();
    await world.pass(LEASE_MS * 2);
    assert.deepEqual(nodes.take(), ["+o1"]);
    assert.deepEqual(under.take(), ["complete", "+live/a o1 1 [4] 0"]);
    after.leave();
    await world.pass(300);
    assert.deepEqual([nodes.take(), registry.counts.nodes], [["-o1"], 1]);
  });
});

describe("a root's table", () => {
  it("is asked by the root itself where no root is configured, even without a URL", () => {
    const registry = new Registry({
      ...REGISTRY,
      clock: new ManualClock(),
      leaseMs: LEASE_MS,
      maxNodes: 10,
      maxHoldings: 10,
    });
    const client = new ControlClient({
      ...CONTROL,
      clock: new ManualClock(),
      random: () => 0.5,
      self: nodeInfo("a", "root", { url: "" }),
      roots: [],
      local: () => new ControlSessionServer(registry),
      dial: () => assert.fail("there is no root to dial"),
      leaseMs: LEASE_MS,
      unreachable: () => assert.fail("nothing is wrong"),
      defect: (error) => {
        throw error;
      },
      rooted: () => {},
    });
    client.start();
    assert.deepEqual([client.connected, registry.counts.nodes], [1, 1]);
    client.close();
  });

  it("is passed on completely in a local session, even when one broadcast of many throws", async () => {
    const registry = new Registry({
      ...REGISTRY,
      clock: new ManualClock(),
      leaseMs: LEASE_MS,
      maxNodes: 10,
      maxHoldings: 10,
    });
    const table = new ControlSessionServer(registry);
    const info = nodeInfo("b", "origin");
    registry.register(info, table);
    const holding = { node: "b", epoch: 1n, hops: [], cost: 0, ended: false };
    for (const path of ["one", "two"]) registry.hold({ ...holding, path }, table);
    const defects: unknown[] = [];
    const none = { list: () => [], watch: () => () => {}, publish: () => "limit" as const };
    const session = new LocalSession(new ControlSessionServer(registry), none, 1n, new ManualClock(), (error) =>
      defects.push(error),
    );
    const seen: string[] = [];
    const publish = (path: string) => {
      seen.push(path);
      if (path.endsWith("one/b")) throw new Error("no");
      return "limit" as const;
    };
    const { complete } = session.follow("b", { ...none, publish });
    await complete;
    for (const path of ["one", "three"]) registry.hold({ ...holding, path }, table);
    await Promise.resolve();
    assert.deepEqual(seen, ["b/one/b", "b/two/b", "b/one/b", "b/three/b"]);
    assert.equal(defects.length, 2);
    session.close(0);
  });

  it("withdraws rivals from a relay that has released the broadcast", async () => {
    const world = new World();
    await world.root("root");
    const [one, two] = [world.relay("o1", ["root"]), world.relay("o2", ["root"])];
    const rivals = new Notes();
    one.ask({ kind: "rivals" }, rivals);
    for (const [relay, node] of [
      [one, "o1"],
      [two, "o2"],
    ] as const)
      relay.hold(holdingOf("live/a", node, { hops: [2n] }));
    await world.pass(300);
    one.release("live/a");
    await world.pass(300);
    two.hold(holdingOf("live/a", "o2", { hops: [2n], epoch: 2n }));
    await world.pass(300);
    assert.deepEqual(
      rivals.take().filter((line) => line !== "complete"),
      ["+live/a o2 1 [3] 0", "-live/a o2"],
    );
  });

  it("notifies each of several watchers of relays of every change", async () => {
    const clock = new ManualClock();
    const registry = new Registry({
      ...REGISTRY,
      clock,
      leaseMs: LEASE_MS,
      maxNodes: 10,
      maxHoldings: 10,
    });
    const table = new ControlSessionServer(registry);
    const session = {};
    registry.register(nodeInfo("o1"), session);
    const seen: string[][] = [[], []];
    for (const list of seen) {
      table.watch("n", { changed: (relay) => void list.push(relay.route() === undefined ? "gone" : "there") });
    }
    registry.register(nodeInfo("o1", "origin", { draining: true }), session);
    await clock.run(0);
    registry.unregister("o1", session);
    assert.deepEqual(seen, [
      ["there", "gone", "gone"],
      ["there", "gone", "gone"],
    ]);
  });
});

describe("paths of announcements", () => {
  it("of another form are not parsed", () => {
    const odd = [
      "",
      "n",
      "n/x",
      "n/x/notbase64!",
      "n/x/e30",
      "l/x/e30",
      "b",
      "b/",
      "b/-bad",
      "z/a/b",
      "n/a/b/c",
      `n/${"x".repeat(64)}/e30`,
    ];
    for (const path of odd) assert.equal(parseControlPath(path), undefined, path);
  });

  it("with a URL that no relay can dial are not parsed", () => {
    for (const odd of [
      "garbage",
      "http://o1:443",
      "https://",
      "https://[",
      "https://o1:99999",
      "javascript:alert(1)",
    ]) {
      const info = nodeInfo("o1", "origin");
      assert.equal(parseControlPath(nodePath({ ...info, url: odd })), undefined, odd);
      assert.equal(parseControlPath(nodePath({ ...info, publicUrl: odd })), undefined, odd);
    }
    assert.notEqual(parseControlPath(nodePath(nodeInfo("o1", "edge", { url: "", publicUrl: "" }))), undefined);
  });
});
