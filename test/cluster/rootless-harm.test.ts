/** Meshes that come to harm while no root is there, from seeds that are printed: MOQMESH_SEED=N runs one again. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Chance } from "../../lab/random.ts";
import { IDLE_MS, LEASE_MS } from "../../lab/sim/settings.ts";
import { World } from "../../lab/sim/world.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { CACHE } from "../model/support.ts";
import { know, RELAYS } from "./rootless.ts";

/** Milliseconds in which a broadcast that can be reached is to be watchable, whatever happened before. */
const BOUNDED_MS = 15_000;

const ROUNDS = 8;

const given = process.env["MOQMESH_SEED"];
const SEEDS = given === undefined ? [1, 2, 3, 4] : [Number(given)];

/** A mesh whose relays know each other by configuration, and a root where one is named. */
async function meshOf(roots: readonly string[], random: () => number): Promise<World> {
  const world = new World(roots, random);
  for (const root of roots) await world.start(root, "root");
  for (const [node, role] of RELAYS) know(await world.start(node, role));
  await world.pass(1_000);
  return world;
}

class Harm {
  readonly done: string[] = [];
  readonly #world: World;
  readonly #random: () => number;
  #broadcasts = 0;

  constructor(world: World, random: () => number) {
    this.#world = world;
    this.#random = random;
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T;
  }

  /** Kills, restarts or cuts off a relay; stops or restarts a root. */
  async strike(victims: readonly string[]): Promise<void> {
    const world = this.#world;
    const victim = this.pick(victims);
    this.done.push(victim);
    const [name = "", cut] = victim.split(" ");
    if (cut !== undefined) {
      const { engine } = world.relay(name);
      world.network.cut(engine);
      await world.pass(this.pick([500, 3_000, 20_000]));
      world.network.heal(engine);
    } else if (name === "root") {
      if (world.relays.has(name)) await world.relay(name).kill();
      else await world.start(name, "root");
      await world.pass(this.pick([0, 500, 1_000, 30_000]));
    } else {
      const { role } = world.relay(name).info;
      await world.relay(name).kill();
      await world.pass(this.pick([100, 5_000]));
      know(await world.start(name, role));
    }
  }

  /** A new broadcast at an origin is watched at every edge, by subscribing to it or by its announcement. */
  async watched(): Promise<void> {
    const world = this.#world;
    const path = `live/${this.#broadcasts++}`;
    const publisher = (await world.client(this.pick(["o1", "o2"]))).publish(path);
    const clients = [await world.client("e1"), await world.client("e2")];
    const viewers = clients.map((client) => client.watch(path));
    const seen = new Set<string>();
    clients[1]?.session.follow("", {
      list: () => [],
      watch: () => () => {},
      publish: (announced) => {
        seen.add(announced);
        return { update: () => {}, end: () => void seen.delete(announced) };
      },
    });
    const there = () =>
      seen.has(path) && viewers.every(({ groups }) => groups.some(({ state }) => state === "finished"));
    const end = world.clock.now() + BOUNDED_MS;
    for (let group = 0; world.clock.now() < end && !there(); group++) {
      publisher.send(group, `group ${group}`);
      await world.pass(500);
    }
    const told = viewers.map(({ log }) => log.join()).join(" and ");
    assert.ok(there(), `${path} after ${this.done.join(", ")}: ${told}; ${[...seen]}`);
    publisher.end();
    for (const { session } of clients) session.close(0, "");
  }

  /** After all time-outs, nothing is left of broadcasts that are not published any more. */
  async forgotten(): Promise<void> {
    const world = this.#world;
    // A track is known, and asked for, as long as a group of it is in the cache.
    await world.pass(IDLE_MS + 3 * LEASE_MS + CACHE.maxAgeMs);
    for (const { broadcasts, info, mesh } of world.relays.values()) {
      assert.deepEqual(
        [...broadcasts.list("")].map(({ path }) => path),
        [],
        info.node,
      );
      assert.equal(mesh.routes.counts.holdings, 0, info.node);
    }
    assert.deepEqual(world.defects, []);
  }
}

const RELAY_HARM = ["o1", "o2", "r1", "r2", "e1", "r1 cut", "r2 cut"];

for (const { what, roots, victims } of [
  { what: "a mesh without a root that comes to harm", roots: [], victims: RELAY_HARM },
  {
    what: "a mesh whose root comes and goes",
    roots: ["root"],
    victims: [...RELAY_HARM, "root", "root", "root", "root"],
  },
]) {
  describe(what, () => {
    for (const seed of SEEDS) {
      it(`serves what an origin holds at every edge in bounded time (seed ${seed})`, {
        timeout: patient(110_000),
      }, async (t) => {
        const random = new Chance(seed).next;
        const world = await meshOf(roots, random);
        const harm = new Harm(world, random);
        for (let round = 0; round < ROUNDS; round++) {
          await harm.strike(victims);
          await harm.watched();
        }
        t.diagnostic(harm.done.join(", "));
        await harm.forgotten();
      });
    }
  });
}
