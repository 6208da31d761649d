/** Revocations at roots that share a registry, with a backend in memory and a clock that is turned by hand. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { MemoryBackend, MemoryStore } from "./memory-backend.ts";
import { Root } from "./roots.ts";

const LEASE_MS = 10_000;
const WRITTEN_MS = 50;
/** Longest time until a change is found whose message was lost: the mesh has 2 s in all. */
const FOUND_MS = 2_500;

describe("roots that share a registry share revocations", () => {
  let clock: ManualClock;
  let store: MemoryStore;
  let roots: Root[];
  beforeEach(() => {
    clock = new ManualClock();
    store = new MemoryStore(clock);
    roots = [];
  });
  afterEach(async () => {
    for (const one of roots) one.close();
    await clock.run(1_000);
    assert.equal(clock.pending, 0, "no timer is left");
  });

  function root(): Root {
    const one = new Root(new MemoryBackend(store), clock, LEASE_MS);
    roots.push(one);
    return one;
  }

  const board = ({ registry }: Root) => registry.revocations;
  const known = (one: Root) => [...board(one).list()].map(({ node, text }) => `${node} ${text}`).sort();
  const made = (text: string, node = "e1") => ({ node, text, until: 0 });
  const session = {};

  it("made and ended at one root", async () => {
    const [a, b] = [root(), root()];
    await clock.run(WRITTEN_MS);
    board(a).report(made("x"), session);
    board(b).report(made("y", "e2"), session);
    await clock.run(WRITTEN_MS);
    assert.deepEqual([known(a), known(b)], [known(b), ["e1 x", "e2 y"]]);
    board(a).end(made("x"), session);
    await clock.run(WRITTEN_MS);
    assert.deepEqual([known(a), known(b)], [["e2 y"], ["e2 y"]]);
  });

  it("whose message was lost", async () => {
    const [a, b] = [root(), root()];
    await clock.run(WRITTEN_MS);
    store.lossy = true;
    board(a).report(made("x"), session);
    await clock.run(FOUND_MS);
    assert.deepEqual(known(b), ["e1 x"]);
    board(a).end(made("x"), session);
    await clock.run(FOUND_MS);
    assert.deepEqual(known(b), []);
  });

  it("with a root that starts after the one that knew them has died", async () => {
    const a = root();
    await clock.run(WRITTEN_MS);
    board(a).report(made("x"), session);
    await clock.run(WRITTEN_MS);
    a.close();
    await clock.run(3 * LEASE_MS);
    const b = root();
    await clock.run(WRITTEN_MS);
    assert.deepEqual(known(b), ["e1 x"]);
    assert.equal(board(b).drop(made("x")), true, "its relay does not report it");
    await clock.run(WRITTEN_MS);
    assert.deepEqual([...store.revoked.paths], []);
  });

  it("again when the backend has lost everything, and no root loses one meanwhile", async () => {
    const [a, b] = [root(), root()];
    await clock.run(WRITTEN_MS);
    board(a).report(made("x"), session);
    await clock.run(WRITTEN_MS);
    store.cut();
    board(a).report(made("y"), session);
    await clock.run(FOUND_MS);
    store.wipe();
    store.heal();
    await clock.run(FOUND_MS);
    assert.deepEqual([known(a), known(b)], [known(b), ["e1 x", "e1 y"]]);
    assert.equal(store.revoked.paths.size, 2);
    board(b).report(made("z", "e9"), session);
    await clock.run(WRITTEN_MS);
    assert.deepEqual(known(a), ["e1 x", "e1 y", "e9 z"]);
  });

  it("one that ended while the backend was unreachable", async () => {
    const [a, b] = [root(), root()];
    await clock.run(WRITTEN_MS);
    board(a).report(made("x"), session);
    await clock.run(WRITTEN_MS);
    store.cut();
    board(a).end(made("x"), session);
    await clock.run(FOUND_MS);
    store.heal();
    await clock.run(FOUND_MS);
    assert.deepEqual([known(a), known(b)], [[], []]);
  });

  it("and count what no root wrote", async () => {
    const a = root();
    store.revoked.paths.add("r/e1/soon/x").add("n/e1/x").add("r/e1/0/ok");
    store.revoked.version++;
    await clock.run(FOUND_MS);
    assert.deepEqual([known(a), a.shared.counters.unreadable], [["e1 ok"], 2]);
  });
});
