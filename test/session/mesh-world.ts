/** Peers of a simulated mesh that speak moq-transport. */
import type { World } from "../../lab/sim/world.ts";
import { MoqtPeer } from "./ietf-peer.ts";

/** The version that peers speak. */
const VERSION = "moqt-22";

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
