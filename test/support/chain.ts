import type { WorldOptions } from "../../lab/sim/surroundings.ts";
import { World } from "../../lab/sim/world.ts";

/** A root, an origin `o1`, a regional `r1` and an edge `e1` that know each other. */
export async function meshOf(options: WorldOptions = {}): Promise<World> {
  const world = new World(["root"], () => 0.5, options);
  await world.start("root", "root");
  await world.start("o1", "origin");
  await world.start("r1", "regional");
  await world.start("e1", "edge");
  await world.pass(1_000);
  return world;
}
