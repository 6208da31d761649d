import type { Role } from "../cluster/index.ts";

/** The place of a relay in the mesh. */
export interface Place {
  readonly name: string;
  readonly role: Role;
  readonly region: string;
  /** The parent region of its region. */
  readonly parent?: string;
}

export interface Shape {
  /** Roots; without one, relays know each other by their configuration. Default 1. */
  readonly roots?: 0 | 1;
  readonly origins: number;
  readonly regionals: number;
  readonly edges: number;
  /** Regionals of a region that is the parent of the viewers' regions, which are two then; default 0: there is no such region. */
  readonly hubs?: number;
}

/** Publishers are in one region, viewers in another. */
const NEAR_PUBLISHER = "east";
const NEAR_VIEWERS = "west";

/** Where there is a parent region: the viewers' regions, and their parent. */
const BELOW = [NEAR_VIEWERS, "south"];
const HUB = "hub";

/** The mesh that `npm run mesh` starts by default. */
export const USUAL: Shape = { origins: 1, regionals: 2, edges: 4 };

export function placesOf({ roots = 1, origins, regionals, edges, hubs = 0 }: Shape): Place[] {
  const several = (role: Role, region: string, count: number): Place[] =>
    Array.from({ length: count }, (_, index) => ({ name: `${role}-${index + 1}`, role, region }));
  const below = (role: Role, count: number): Place[] =>
    several(role, NEAR_VIEWERS, count).map((place, index) => {
      const region = BELOW[index % BELOW.length] ?? NEAR_VIEWERS;
      return hubs === 0 ? place : { ...place, region, parent: HUB };
    });
  return [
    ...several("root", NEAR_PUBLISHER, roots),
    ...several("origin", NEAR_PUBLISHER, origins),
    ...several("regional", HUB, hubs).map((place) => ({ ...place, name: place.name.replace("regional", HUB) })),
    ...below("regional", regionals),
    ...below("edge", edges),
  ];
}
