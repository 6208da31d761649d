/** Limits of tenants at roots that share a registry: relays that ask different roots, with a backend in memory and a clock turned by hand. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { perKind } from "../../cluster/index.ts";
import { TenantDesk } from "../../cluster/tenants/desk.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { Chance } from "../../lab/random.ts";
import { SimTenants } from "../../lab/sim/tenants.ts";
import { MemoryBackend, MemoryStore } from "./memory-backend.ts";
import { Root } from "./roots.ts";

const LEASE_MS = 10_000;
const LIMIT = 40;
const LIMITS = perKind((kind) => (kind === "sessions" ? LIMIT : 0));
/** Milliseconds of a message between a relay and its root. */
const LATENCY_MS = 15;

describe("roots that share a registry divide limits together", () => {
  let clock: ManualClock;
  let store: MemoryStore;
  let roots: Root[];
  let ends: (() => void)[];
  beforeEach(() => {
    clock = new ManualClock();
    store = new MemoryStore(clock);
    roots = [];
    ends = [];
  });
  afterEach(async () => {
    for (const end of ends) end();
    for (const one of roots) one.close();
    await clock.run(1_000);
    assert.equal(clock.pending, 0, "no timer is left");
  });

  function root(): Root {
    const one = new Root(new MemoryBackend(store), clock, LEASE_MS);
    roots.push(one);
    return one;
  }

  /** A relay that is registered at one root alone, and asks it. */
  function relay(at: Root, node: string): SimTenants {
    at.relay(node, []);
    const board = at.registry.tenants;
    const later = (work: () => void) => void clock.timer(LATENCY_MS, work);
    const tenants: SimTenants = new SimTenants(LIMITS, () => desk);
    const desk: TenantDesk = new TenantDesk({
      clock,
      usage: tenants,
      report: (report) => later(() => void board.report(node, report)),
      withdraw: (report) => later(() => board.end(node, report)),
      relays: () => 4,
      refused: () => assert.fail("the table is full"),
    });
    const stop = board.watch(node, { granted: (grant) => void (grant && later(() => desk.granted(grant))) });
    desk.rooted(true);
    desk.answers(true);
    ends.push(() => desk.close(), stop);
    return tenants;
  }

  const sum = (all: readonly SimTenants[]) => all.reduce((total, tenants) => total + tenants.sessions("t"), 0);
  const known = ({ registry }: Root) => [...registry.tenants.totals()].map(({ use, relays }) => [use.sessions, relays]);

  /** Clients come and go; returns the most that there were at once. */
  async function churn(all: readonly SimTenants[], chance: Chance, ms: number): Promise<number> {
    let most = 0;
    for (let passed = 0; passed < ms; passed += 25) {
      for (const tenants of all) {
        if (chance.happens(0.8)) tenants.enter("t");
        else if (tenants.sessions("t") > 1 && chance.happens(0.5)) tenants.leave("t");
      }
      most = Math.max(most, sum(all));
      await clock.run(25);
    }
    return most;
  }

  async function mesh(): Promise<SimTenants[]> {
    const [a, b] = [root(), root()];
    await clock.run(LEASE_MS + 100);
    return [relay(a, "e1"), relay(a, "e2"), relay(b, "e3"), relay(b, "e4")];
  }

  for (let seed = 1; seed <= 6; seed++) {
    it(`between relays that ask different roots, with an error of one place, seed ${seed}`, async () => {
      const all = await mesh();
      const chance = new Chance(seed);
      const most = await churn(all, chance, 20_000);
      assert.ok(most <= LIMIT + 1 && most >= LIMIT - 1, `${most} of ${LIMIT}`);
      assert.deepEqual(
        roots.map((one) => known(one)[0]?.[1]),
        [4, 4],
      );
    });
  }

  it("also where messages are lost, until they are told again", async () => {
    const all = await mesh();
    await churn(all, new Chance(9), 1_000);
    store.lossy = true;
    for (const tenants of all) while (tenants.sessions("t") > 1) tenants.leave("t");
    await clock.run(2_000);
    store.lossy = false;
    await clock.run(4_000);
    assert.deepEqual(roots.map(known), [[[4, 4]], [[4, 4]]]);
    assert.ok((await churn(all, new Chance(10), 15_000)) <= LIMIT + 1);
  });

  it("by what was told last while the registry cannot be reached", async () => {
    const all = await mesh();
    await churn(all, new Chance(11), 10_000);
    store.cut();
    await clock.run(60_000);
    assert.deepEqual(
      roots.map((one) => known(one)[0]?.[1]),
      [4, 4],
    );
    assert.ok((await churn(all, new Chance(12), 10_000)) <= 2 * LIMIT);
    store.heal();
    for (const tenants of all) while (tenants.sessions("t") > 1) tenants.leave("t");
    await clock.run(5_000);
    assert.ok((await churn(all, new Chance(13), 10_000)) <= LIMIT + 1);
  });

  it("and forget a tenant that has left, also where the message of that was lost", async () => {
    const all = await mesh();
    await churn(all, new Chance(14), 1_000);
    store.lossy = true;
    for (const tenants of all) while (tenants.sessions("t") > 0) tenants.leave("t");
    await clock.run(10_000);
    store.lossy = false;
    await clock.run(15_000);
    assert.deepEqual(roots.map(known), [[], []]);
  });

  it("ignores what is no message of a root", async () => {
    const [a] = [root(), root()];
    await clock.run(100);
    for (const text of ["", "x", "{}", "[1]", '[["e1"]]', '[["/",{}]]', '[["e1",{"t":1}]]']) a?.shared.rootSent(text);
    assert.deepEqual(roots.map(known), [[], []]);
    assert.equal(a?.shared.counters.unreadable, 3);
  });
});
