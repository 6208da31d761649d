import type { Role } from "../cluster/index.ts";

/** The place of a relay in the mesh. */
export interface Place {
  readonly name: string;
  readonly role: Role;
  readonly region: string;
}

export interface Shape {
  /** Roots; without one, relays know each other by their configuration. Default 1. */
  readonly roots?: 0 | 1;
  readonly origins: number;
  readonly regionals: number;
  readonly edges: number;
}

/** Publishers are in one region, viewers in another. */
const NEAR_PUBLISHER = "east";
const NEAR_VIEWERS = "west";

/** The mesh that `npm run mesh` starts by default. */
export const USUAL: Shape = { origins: 1, regionals: 2, edges: 4 };

export function placesOf({ roots = 1, origins, regionals, edges }: Shape): Place[] {
  const several = (role: Role, region: string, count: number): Place[] =>
    Array.from({ length: count }, (_, index) => ({ name: `${role}-${index + 1}`, role, region }));
  return [
    ...several("root", NEAR_PUBLISHER, roots),
    ...several("origin", NEAR_PUBLISHER, origins),
    ...several("regional", NEAR_VIEWERS, regionals),
    ...several("edge", NEAR_VIEWERS, edges),
  ];
}
