/** Meshes of whole relays that need no root: each knows the others by configuration. */

import type { SimRelay } from "../../lab/sim/relay.ts";
import { World } from "../../lab/sim/world.ts";

export const RELAYS = [
  ["o1", "origin"],
  ["o2", "origin"],
  ["r1", "regional"],
  ["r2", "regional"],
  ["e1", "edge"],
  ["e2", "edge"],
] as const;

/** Relays that know each other by configuration only: no ids of hops. */
export async function rootless(relays: readonly (readonly [string, "origin" | "regional" | "edge"])[] = RELAYS) {
  const world = new World([], () => 0.5);
  for (const [node, role] of relays) await world.start(node, role);
  for (const relay of world.relays.values()) know(relay, relays);
  await world.pass(1_000);
  return world;
}

export function know(
  relay: SimRelay,
  relays: readonly (readonly [string, "origin" | "regional" | "edge"])[] = RELAYS,
): void {
  relay.mesh.learn(relays.map(([node, role]) => `${node} ${role} eu https://${node}:1`));
}
