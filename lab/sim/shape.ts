import type { Role } from "../../cluster/index.ts";
import type { Chance } from "../random.ts";
import type { World } from "./world.ts";

export interface Place {
  readonly node: string;
  readonly role: Role;
  readonly region: string;
}

const REGIONS = ["eu", "us", "asia"];

/** A parent region for each region, or none: also its own name, and regions that name each other in a circle. */
export function anyParents(chance: Chance): Record<string, string> {
  return Object.fromEntries(REGIONS.map((region) => [region, chance.pick(["", ...REGIONS])]));
}

/** Names of the roots of a mesh. */
export function rootsOf(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `root${n}`);
}

/** A mesh of `nodes` relays, roots included: of the others a tenth are origins, a sixth regionals, the rest edges. */
export function shapeOf(nodes: number, roots: readonly string[], chance: Chance): Place[] {
  const count = nodes - roots.length;
  const regions = REGIONS.slice(0, Math.max(1, Math.min(REGIONS.length, Math.floor(nodes / 12))));
  const [origins, regionals] = [Math.max(2, Math.floor(count / 10)), Math.max(2, Math.floor(count / 6))];
  const others = Array.from({ length: count }, (_, n): Place => {
    const region = n < regions.length ? (regions[n] as string) : chance.pick(regions);
    if (n < origins) return { node: `o${n}`, role: "origin", region };
    if (n < origins + regionals) return { node: `r${n}`, role: "regional", region };
    return { node: `e${n}`, role: "edge", region };
  });
  return [...roots.map((node): Place => ({ node, role: "root", region: "eu" })), ...others];
}

export async function raise(world: World, places: readonly Place[]): Promise<void> {
  for (const { node, role, region } of places) await world.start(node, role, region);
}
