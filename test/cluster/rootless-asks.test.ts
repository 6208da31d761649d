/** Asking along the tiers, with relays that a test plays. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { coalescePrefixes, MAX_ASKS } from "../../cluster/coalesce-prefixes.ts";
import type { PeerUser, Role } from "../../cluster/contract.ts";
import { Rootless } from "../../cluster/rootless/rootless.ts";
import { type Health, RouteTable } from "../../cluster/routes/table.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { Publication } from "../../moq/model/broadcasts.ts";
import { isUnder } from "../../moq/path.ts";
import type { AnnounceTable, Following, Session } from "../../moq/session/contract.ts";
import { ANY_TIME, FakeRelay, nodeInfo, settle } from "./support.ts";

const LEASE_MS = 10_000;
/** Longer than what the tiers are left alone for after a root went, and than an ask is kept after another took its place. */
const SOON_MS = 600;
const REPLACED_MS = 6_000;

/** A session with one relay, which announces what the test says. */
class Announcing implements Pick<Session, "follow"> {
  readonly tables = new Map<string, AnnounceTable>();
  /** Settles when everything has been announced. */
  answers = Promise.resolve(true);
  readonly #publications = new Map<string, Publication>();

  follow(prefix: string, table: AnnounceTable): Following {
    this.tables.set(prefix, table);
    return {
      stop: () => void (this.tables.get(prefix) === table && this.tables.delete(prefix)),
      complete: this.answers,
    };
  }

  say(path: string, hops: readonly bigint[], epoch = 1n): void {
    for (const [prefix, table] of this.tables) {
      if (!isUnder(path, prefix)) continue;
      const publication = table.publish(path, { epoch, hops, cost: 1, ended: false }, new FakeRelay());
      if (typeof publication !== "string") this.#publications.set(path, publication);
    }
  }

  end(path: string): void {
    this.#publications.get(path)?.end(false);
  }
}

class Links {
  readonly sessions = new Map<string, Announcing>();
  readonly users = new Map<string, Set<PeerUser>>();
  readonly healths = new Map<string, Health>();

  use(node: string, user: PeerUser): () => void {
    const users = this.users.get(node) ?? new Set();
    this.users.set(node, users.add(user));
    if (this.sessions.has(node)) queueMicrotask(() => users.has(user) && user.up(new FakeRelay()));
    return () => void users.delete(user);
  }

  session(node: string): Announcing | undefined {
    return this.sessions.get(node);
  }

  health(node: string): Health {
    return this.healths.get(node) ?? "unknown";
  }

  up(node: string): Announcing {
    const session = new Announcing();
    this.sessions.set(node, session);
    this.healths.set(node, "up");
    for (const user of this.users.get(node) ?? []) user.up(new FakeRelay());
    return session;
  }

  down(node: string): void {
    this.sessions.delete(node);
    this.healths.set(node, "down");
    for (const user of this.users.get(node) ?? []) user.down();
  }

  /** What each relay is asked for. */
  get asked(): Record<string, string[]> {
    const all = [...this.sessions].map(([node, { tables }]) => [node, [...tables.keys()].sort()] as const);
    return Object.fromEntries(all.filter(([, prefixes]) => prefixes.length > 0));
  }

  get used(): string[] {
    return [...this.users].filter(([, users]) => users.size > 0).map(([node]) => node);
  }
}

function tiersOf(role: Role = "edge", alone = false) {
  const clock = new ManualClock();
  const links = new Links();
  const bounds: string[] = [];
  const asking: boolean[] = [];
  const table: RouteTable = new RouteTable({
    clocks: ANY_TIME,
    self: { node: "me", role, region: "eu", startedAt: 1, publicUrl: "", hop: 1_000n },
    regions: [],
    hashDepth: 0,
    clock,
    wallNow: () => 0,
    rampMs: 0,
    returnMs: 0,
    health: (node) => links.health(node),
    changed: () => {},
    nodesChanged: () => tiers.changed(),
    restarted: () => {},
  });
  const tiers: Rootless = new Rootless({
    clock,
    links,
    table,
    leaseMs: LEASE_MS,
    alone,
    refused: (bound) => bounds.push(bound),
    activeChanged: (now) => asking.push(now),
  });
  const known = (...paths: string[]) => paths.map((path) => table.holders(path)?.holdings.map(({ node }) => node));
  return { clock, links, table, tiers, bounds, asking, known };
}

/** A regional without a root, and its session with the one relay that it knows and asks: o1. */
async function askingOrigin(known: "root" | "static", prefix: string) {
  const asking = tiersOf("regional");
  asking.table.node(nodeInfo("o1"), known);
  asking.tiers.want({ kind: "under", prefix }, () => {});
  asking.tiers.rooted(false);
  asking.clock.advance(SOON_MS);
  await settle();
  return { ...asking, session: asking.links.up("o1") };
}

describe("asking relays without a root", () => {
  it("begins a while after the last root is lost, and not when one is back before that", async () => {
    const { clock, links, table, tiers, asking } = tiersOf();
    table.node(nodeInfo("r1", "regional"), "root");
    tiers.want({ kind: "under", prefix: "live" }, () => {});
    tiers.rooted(false);
    clock.advance(SOON_MS / 2);
    tiers.rooted(true);
    clock.advance(SOON_MS);
    await settle();
    assert.deepEqual([links.used, asking], [[], []]);
    tiers.rooted(false);
    clock.advance(SOON_MS);
    await settle();
    assert.deepEqual([links.used, asking], [["r1"], [true]]);
    assert.deepEqual(links.up("r1").tables.size, 1);
  });

  it("takes the relay in the hops as the holder, or the relay that was asked where the hops name none", async () => {
    const { clock, links, table, tiers } = tiersOf();
    table.node(nodeInfo("r1", "regional", { hop: 10n }), "root");
    table.node(nodeInfo("o1", "origin", { hop: 20n }), "root");
    tiers.want({ kind: "under", prefix: "" }, () => {});
    tiers.rooted(false);
    clock.advance(SOON_MS);
    await settle();
    const session = links.up("r1");
    session.say("live/a", [99n, 20n, 10n]);
    session.say("live/b", [99n, 30n, 10n]);
    const [a, b] = ["live/a", "live/b"].map((path) => table.holders(path)?.holdings[0]);
    assert.deepEqual([a?.node, a?.hops], ["o1", [99n, 20n]]);
    assert.deepEqual([b?.node, b?.hops], ["r1", [99n, 30n, 10n]]);
    assert.deepEqual(table.candidates("live/a", 1n), ["r1", "o1"]);
    session.end("live/a");
    assert.equal(table.holders("live/a"), undefined);
  });

  it("believes relays more than a lost root, and keeps what the root announced of other relays", async () => {
    const { clock, links, table, tiers, known } = tiersOf("regional");
    for (const node of ["o1", "o2"]) table.node(nodeInfo(node), "root");
    const holding = { hops: [1n], cost: 0, ended: false };
    table.holding({ path: "a", node: "o1", epoch: 1n, ...holding }, "under/");
    table.holding({ path: "b", node: "o2", epoch: 1n, ...holding }, "under/");
    tiers.want({ kind: "under", prefix: "" }, () => {});
    tiers.rooted(false);
    clock.advance(SOON_MS);
    await settle();
    const session = links.up("o1");
    session.say("a", [1n], 2n);
    assert.equal(table.holders("a")?.epoch, 2n);
    session.end("a");
    assert.deepEqual(known("a", "b"), [undefined, ["o2"]]);
  });

  it("keeps what a cut answer announced, and asks the relay again after a lease", async () => {
    const { clock, session, known } = await askingOrigin("root", "");
    session.say("a", [1n]);
    session.say("b", [1n]);
    const [answer] = session.tables.values();
    answer?.cut?.("limit");
    for (const path of ["a", "b"]) session.end(path);
    await settle();
    assert.deepEqual(known("a", "b"), [["o1"], ["o1"]]);
    clock.advance(LEASE_MS);
    await settle();
    const [again] = session.tables.values();
    assert.notEqual(again, answer);
    session.say("a", [1n]);
    clock.advance(LEASE_MS);
    assert.deepEqual(known("a", "b"), [["o1"], undefined], "what the second answer lacks does not exist");
  });

  it("keeps a broadcast when a relay that took it from the holder stops announcing it", async () => {
    const { clock, links, table, tiers, known } = tiersOf("regional");
    for (const [node, hop] of [
      ["o1", 20n],
      ["o2", 30n],
    ] as const) {
      table.node(nodeInfo(node, "origin", { hop }), "root");
    }
    tiers.want({ kind: "under", prefix: "" }, () => {});
    tiers.rooted(false);
    clock.advance(SOON_MS);
    await settle();
    const [holder, other] = [links.up("o1"), links.up("o2")];
    other.say("a", [99n, 20n, 30n]);
    table.holding({ path: "a", node: "o1", epoch: 1n, hops: [99n, 20n], cost: 0, ended: false }, "exact/a");
    other.end("a");
    assert.deepEqual(known("a"), [["o1"]], "who had it from the holder has it no more");
    holder.say("a", [99n, 20n]);
    holder.end("a");
    assert.deepEqual(known("a"), [undefined]);
  });

  it("forgets what a root announced and the holder, or a regional for an origin, does not announce for a lease", async () => {
    for (const asked of ["o1", "r1"] as const) {
      const { clock, links, table, tiers, known } = tiersOf(asked === "r1" ? "edge" : "regional");
      table.node(nodeInfo("r1", "regional"), "root");
      table.node(nodeInfo("o1", "origin", { hop: 20n }), "root");
      table.node(nodeInfo("e2", "edge", { hop: 30n }), "root");
      for (const path of ["live/a", "live/b", "other"]) {
        table.holding({ path, node: "o1", epoch: 1n, hops: [20n], cost: 0, ended: false }, "under/");
      }
      table.holding({ path: "live/a", node: "e2", epoch: 1n, hops: [30n], cost: 0, ended: false }, "under/");
      tiers.want({ kind: "under", prefix: "live" }, () => {});
      tiers.rooted(false);
      clock.advance(SOON_MS);
      await settle();
      links.up(asked).say("live/b", asked === "r1" ? [20n, 10n] : [20n]);
      await settle();
      clock.advance(LEASE_MS - 1);
      assert.equal(known("live/a")[0]?.length, 2);
      clock.advance(1);
      assert.deepEqual(known("live/a", "live/b", "other"), [["e2"], ["o1"], ["o1"]]);
      tiers.rooted(true);
      table.holding({ path: "live/a", node: "o1", epoch: 2n, hops: [20n], cost: 0, ended: false }, "under/");
      clock.advance(2 * LEASE_MS);
      assert.deepEqual(known("live/a"), [["o1"]], "told by a root that is there");
      tiers.rooted(false);
      clock.advance(SOON_MS + LEASE_MS);
      assert.deepEqual(known("live/a"), [["e2"]]);
    }
  });

  it("asks the next regional when one is late or leaves, and stops once the first announces the same", async () => {
    const { clock, links, table, tiers, known } = tiersOf();
    for (const node of ["r1", "r2"]) table.node(nodeInfo(node, "regional"), "root");
    tiers.want({ kind: "exact", path: "live/a" }, () => {});
    tiers.rooted(false);
    clock.advance(SOON_MS);
    await settle();
    const [first = ""] = links.used;
    const second = first === "r1" ? "r2" : "r1";
    assert.deepEqual(links.used, [first]);
    clock.advance(SOON_MS);
    await settle();
    assert.deepEqual(links.used.toSorted(), ["r1", "r2"]);
    links.up(second).say("live/a", [5n, 6n]);
    assert.deepEqual(known("live/a"), [[second]]);
    const late = links.up(first);
    await settle();
    clock.advance(REPLACED_MS);
    await settle();
    assert.deepEqual(links.asked, { r1: ["live/a"], r2: ["live/a"] }, "the first one does not know it yet");
    late.say("live/a", [5n, 7n]);
    clock.advance(REPLACED_MS);
    await settle();
    assert.deepEqual([links.asked, links.used], [{ [first]: ["live/a"] }, [first]]);
    for (const user of links.users.get(first) ?? []) user.leaving();
    await settle();
    assert.deepEqual(links.used.toSorted(), ["r1", "r2"]);
  });

  it("keeps the answer of a lost relay for a lease, and longer what the next link announces again", async () => {
    const { clock, links, session, known } = await askingOrigin("static", "live");
    for (const path of ["live/a", "live/b"]) session.say(path, [5n]);
    links.down("o1");
    clock.advance(LEASE_MS - 1);
    assert.deepEqual(known("live/a", "live/b"), [["o1"], ["o1"]]);
    links.up("o1").say("live/a", [5n]);
    await settle();
    clock.advance(LEASE_MS);
    assert.deepEqual(known("live/a", "live/b"), [["o1"], undefined]);
  });

  it("ends a lease after a root has answered, so that all relays can register again", async () => {
    const { clock, links, table, tiers, asking, known } = tiersOf("regional");
    table.node(nodeInfo("o1"), "static");
    const want = tiers.want({ kind: "under", prefix: "live" }, () => {});
    tiers.rooted(false);
    clock.advance(SOON_MS);
    await settle();
    links.up("o1").say("live/a", [5n]);
    tiers.rooted(true);
    clock.advance(LEASE_MS * 3);
    assert.deepEqual(links.asked, { o1: ["live"] }, "the root has not answered");
    want.answered();
    clock.advance(LEASE_MS / 2);
    tiers.rooted(false);
    clock.advance(LEASE_MS);
    assert.deepEqual(known("live/a"), [["o1"]], "it was gone again before");
    tiers.rooted(true);
    want.answered();
    clock.advance(LEASE_MS);
    await settle();
    clock.advance(REPLACED_MS);
    await settle();
    assert.deepEqual([links.asked, links.used, known("live/a")], [{}, [], [undefined]]);
    assert.deepEqual([asking, clock.pending], [[true, false, true, false], 0]);
  });

  it("uses only what is wanted of a wider answer", async () => {
    const { clock, links, table, tiers, known, bounds } = tiersOf("regional");
    table.node(nodeInfo("o1"), "static");
    tiers.rooted(false);
    clock.advance(SOON_MS);
    await settle();
    const rooms = Array.from({ length: MAX_ASKS + 1 }, (_, n) => `live/${n}`);
    const wants = rooms.map((path) => tiers.want({ kind: "exact", path }, () => {}));
    await settle();
    const session = links.up("o1");
    assert.deepEqual([...session.tables.keys()], ["live"]);
    assert.deepEqual(bounds, ["mesh_tier_asks"]);
    for (const path of ["live/0", "live/0/deeper", "live/other"]) session.say(path, [5n]);
    assert.deepEqual(known("live/0", "live/0/deeper", "live/other"), [["o1"], undefined, undefined]);
    tiers.want({ kind: "under", prefix: "live/other" }, () => {});
    assert.deepEqual(known("live/other"), [["o1"]], "told before it was wanted");
    wants[0]?.release();
    assert.deepEqual(known("live/0", "live/other"), [undefined, ["o1"]]);
  });
});

describe("prefixes to ask one relay for", () => {
  it("are few, and none covers another", () => {
    const many = (count: number, path: (n: number) => string) =>
      new Set(Array.from({ length: count }, (_, n) => path(n)));
    assert.deepEqual(coalescePrefixes(new Set(["a/b", "a", "ab", "c/d"])), {
      prefixes: new Set(["a", "ab", "c/d"]),
      wide: false,
    });
    assert.equal(coalescePrefixes(many(MAX_ASKS, (n) => `a/${n}`)).prefixes.size, MAX_ASKS);
    assert.deepEqual(coalescePrefixes(many(MAX_ASKS + 1, (n) => `a/${n}`)), { prefixes: new Set(["a"]), wide: true });
    assert.deepEqual(coalescePrefixes(many(MAX_ASKS + 1, (n) => `${n}/a`)), { prefixes: new Set([""]), wide: true });
  });

  it("report complete when each relay that can be asked has announced all it knows", async () => {
    const { clock, links, table, tiers } = tiersOf("regional");
    for (const node of ["o1", "o2", "o3"]) table.node(nodeInfo(node), "root");
    const told: boolean[] = [];
    tiers.want({ kind: "under", prefix: "live" }, (all) => told.push(all));
    tiers.rooted(false);
    clock.advance(SOON_MS);
    await settle();
    assert.deepEqual(told, [false]);
    links.up("o1");
    await settle();
    assert.deepEqual(told, [false], "the others may still answer");
    links.up("o2");
    links.down("o3");
    await settle();
    assert.deepEqual(told, [false, true]);
    links.down("o1");
    links.down("o2");
    await settle();
    assert.deepEqual(told, [false, true, false], "nobody is left who could know");
  });

  it("report complete where no other relay is configured, and not where none can be found", async () => {
    for (const alone of [true, false]) {
      const { clock, tiers } = tiersOf("edge", alone);
      const told: boolean[] = [];
      tiers.want({ kind: "under", prefix: "live" }, (all) => told.push(all));
      tiers.rooted(false);
      clock.advance(SOON_MS);
      await settle();
      assert.deepEqual(told, alone ? [false, true] : [false]);
    }
  });
});
