/** A simulated mesh with peers that speak moq-transport. */
import type { WorldOptions } from "../../lab/sim/surroundings.ts";
import { World } from "../../lab/sim/world.ts";
import { MoqtPeer } from "./ietf-peer.ts";

/** The version that peers speak. */
const VERSION = "moqt-22";

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

/** A peer of the relay `node`. */
export async function peerAt(world: World, node: string): Promise<MoqtPeer> {
  const place = {
    network: world.network,
    pass: (ms: number) => world.pass(ms),
    established: async <T>(dialled: Promise<T>): Promise<T> => {
      const state = { over: false };
      const settled = dialled.finally(() => {
        state.over = true;
      });
      while (!state.over) await world.pass(25);
      return await settled;
    },
  };
  return await MoqtPeer.connect(place, VERSION, { at: `${node}:1` });
}
