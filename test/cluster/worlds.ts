/** Simulated meshes that tests begin with, and what their clients see. */
import type { Role } from "../../cluster/contract.ts";
import type { TestClient } from "../../lab/sim/client.ts";
import { World } from "../../lab/sim/world.ts";

/** The relay `root` and the others, by name, once all of them know each other. */
export async function meshWith(relays: Readonly<Record<string, Role>>): Promise<World> {
  const world = new World(["root"], () => 0.5);
  await world.start("root", "root");
  for (const [node, role] of Object.entries(relays)) await world.start(node, role);
  await world.pass(500);
  return world;
}

/** What is announced to the client from now on: `+path` for a start, `-path` for an end; changes are left out. */
export function announcedTo(client: TestClient, prefix = ""): string[] {
  const seen: string[] = [];
  client.session.follow(prefix, {
    list: () => [],
    watch: () => () => {},
    publish: (path) => {
      seen.push(`+${path}`);
      return { update: () => {}, end: () => void seen.push(`-${path}`) };
    },
  });
  return seen;
}
