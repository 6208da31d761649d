/** Whatever happens to relays, roots and what these share: when it is over, every root knows what there is. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { MemoryBackend, MemoryStore } from "./memory-backend.ts";
import { type RelayAtRoot, Root } from "./roots.ts";

const LEASE_MS = 10_000;
const ROOTS = 3;
const RELAYS = 2;
/** The lease twice, of what is left in the backend and of what came after it, with comparisons. */
const QUIET_MS = 3 * LEASE_MS + 5_000;

const relay = fc.nat({ max: RELAYS - 1 });
const root = fc.nat({ max: ROOTS - 1 });
const path = fc.constantFrom("a", "b", "c", "d");

type Event = (world: World) => void | Promise<void>;

/** Named, so that a counterexample can be read. */
const event: fc.Arbitrary<{ readonly what: string; readonly run: Event }> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(relay, root).map(([r, at]) => named(`o${r} connects to ${at}`, (w) => w.connect(r, at))),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(relay, root).map(([r, at]) => named(`o${r} is lost at ${at}`, (w) => w.lose(r, at))),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(relay, path).map(([r, held]) => named(`o${r} holds ${held}`, (w) => w.hold(r, held))),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(relay, path).map(([r, held]) => named(`o${r} releases ${held}`, (w) => w.release(r, held))),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(relay, fc.constantFrom(10, -10))
      .map(([r, by]) => named(`o${r} restarts, clock ${by}`, (w) => w.restart(r, by))),
  },
  { weight: 1, arbitrary: relay.map((r) => named(`o${r} leaves`, (w) => w.leave(r))) },
  { weight: 1, arbitrary: fc.constant(named("cut", ({ store }) => void (store.gone || store.cut()))) },
  { weight: 1, arbitrary: fc.constant(named("heal", ({ store }) => void (store.gone && store.heal()))) },
  { weight: 1, arbitrary: fc.constant(named("wipe", ({ store }) => store.wipe())) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.boolean(), fc.nat(300))
      .map(([lossy, latencyMs]) =>
        named(`lossy ${lossy}, ${latencyMs} ms`, ({ store }) => void Object.assign(store, { lossy, latencyMs })),
      ),
  },
  {
    weight: 8,
    arbitrary: fc.integer({ min: 1, max: 6_000 }).map((ms) => named(`${ms} ms pass`, ({ clock }) => clock.run(ms))),
  },
);

function named(what: string, run: Event) {
  return { what, run, [fc.toStringMethod]: () => what };
}

class Played {
  readonly held = new Set<string>();
  readonly sessions = new Map<Root, RelayAtRoot>();
  startedAt = 1_000;
}

class World {
  readonly clock = new ManualClock();
  readonly store = new MemoryStore(this.clock);
  readonly roots = Array.from({ length: ROOTS }, () => new Root(new MemoryBackend(this.store), this.clock, LEASE_MS));
  readonly relays = Array.from({ length: RELAYS }, () => new Played());

  connect(r: number, at: number): void {
    const [one, place] = [this.#relay(r), this.#root(at)];
    this.lose(r, at);
    one.sessions.set(place, place.relay(`o${r}`, [...one.held], { startedAt: one.startedAt }));
  }

  lose(r: number, at: number): void {
    const { sessions } = this.#relay(r);
    sessions.get(this.#root(at))?.die();
    sessions.delete(this.#root(at));
  }

  hold(r: number, path: string): void {
    const { held, sessions } = this.#relay(r);
    held.add(path);
    for (const session of sessions.values()) session.hold(path);
  }

  release(r: number, path: string): void {
    const { held, sessions } = this.#relay(r);
    held.delete(path);
    for (const session of sessions.values()) session.release(path);
  }

  /** `by`: what its wall clock says beside that of its start before. */
  restart(r: number, by: number): void {
    const one = this.#relay(r);
    for (const session of one.sessions.values()) session.die();
    this.#begin(one, by);
  }

  leave(r: number): void {
    const one = this.#relay(r);
    for (const session of one.sessions.values()) session.leave();
    this.#begin(one, 1_000);
  }

  #begin(one: Played, by: number): void {
    one.sessions.clear();
    one.held.clear();
    one.startedAt += by;
  }

  #relay(r: number): Played {
    const one = this.relays[r];
    assert.ok(one !== undefined);
    return one;
  }

  #root(at: number): Root {
    const one = this.roots[at];
    assert.ok(one !== undefined);
    return one;
  }
}

async function play(events: readonly { readonly run: Event }[]): Promise<void> {
  const world = new World();
  const { clock, store, roots, relays } = world;
  for (const { run } of events) await run(world);
  Object.assign(store, { lossy: false, latencyMs: 0 });
  if (store.gone) store.heal();
  await clock.run(QUIET_MS);
  const there = relays.flatMap(({ sessions }, n) => (sessions.size > 0 ? [`o${n}`] : []));
  const paths = relays.flatMap(({ held, sessions }, n) =>
    sessions.size > 0 ? [...held].map((p) => `${p} o${n}`) : [],
  );
  for (const [n, one] of roots.entries()) {
    assert.deepEqual([one.nodes, one.paths], [there, paths.sort()], `root ${n}`);
  }
  for (const one of roots) one.close();
  await clock.run(1_000);
  assert.equal(clock.pending, 0);
}

describe("roots that share a registry, after random failures", () => {
  it("all know the same when the failures are over", async () => {
    const numRuns = Number(process.env["MOQMESH_RUNS"] ?? 150);
    await fc.assert(fc.asyncProperty(fc.array(event, { maxLength: 40 }), play), { numRuns });
  });
});
