import type { Mesh } from "../mesh.ts";
import type { Node } from "../node.ts";
import { type Registry, registryOf } from "../registry.ts";
import { waitFor } from "../wait.ts";
import type { Exercise } from "./contract.ts";

/** Milliseconds within which a restarted relay must register at the root. */
const KNOWN_MS = 15_000;

/**
 * Drains a relay and starts it again, in the version that it is given; resolves when it has registered at the root, and a root when it knows all
 * others again. Resolves with the milliseconds that the drain took.
 */
export async function restart(
  { mesh, broadcasting, wrong }: Pick<Exercise, "mesh" | "broadcasting" | "wrong">,
  node: Node,
): Promise<number> {
  const from = performance.now();
  await node.drain();
  const drained = performance.now() - from;
  await node.start();
  const known = await waitFor(KNOWN_MS, async () => {
    const [root] = mesh.role("root");
    const registry = root && (await registryOf(root));
    if (node.place.role === "root") return knowsAll(registry, mesh, broadcasting.path);
    return registry?.nodes.includes(node.name) ? true : undefined;
  });
  if (known === undefined) wrong(`${node.name} did not register at the root after its restart`);
  return drained;
}

/** Whether a root knows all other relays and the broadcast. */
export function knowsAll(registry: Registry | undefined, mesh: Mesh, path: string): true | undefined {
  const others = mesh.nodes.filter(({ place }) => place.role !== "root").map(({ name }) => name);
  const whole = others.every((name) => registry?.nodes.includes(name)) && registry?.broadcasts.includes(path);
  return whole ? true : undefined;
}
