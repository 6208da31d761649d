import type { NodeInfo } from "../contract.ts";

/**
 * Which regions pull through which, as the regionals of the mesh announce it. A region has a parent only where following the parents
 * leads to a region without one, so regions that name each other in a circle, and all regions below them, have none.
 */
export class RegionParents {
  /** Parents that the regionals of each region name; "" for none. Regionals may differ while a new configuration is rolled out. */
  readonly #named = new Map<string, Set<string>>();
  /** Regions of which a root knows a regional: only those are known to have no other parent. */
  readonly #registered = new Set<string>();

  constructor(nodes: Iterable<Pick<NodeInfo, "role" | "region" | "parent" | "startedAt">>) {
    for (const { role, region, parent = "", startedAt } of nodes) {
      if (role !== "regional") continue;
      const named = this.#named.get(region) ?? new Set();
      this.#named.set(region, named.add(parent === region ? "" : parent));
      // The start of a relay that DNS or the configuration names is not known, and neither is its parent region.
      if (startedAt > 0) this.#registered.add(region);
    }
  }

  /** Whether a circle of regions can be reached from `region`. Regions that are not known lead nowhere. */
  circular(region: string): boolean {
    return this.#search(region, new Set(), () => false);
  }

  /** Whether it is certain that following the parents from `region` ends: no circle, and a root knows every region on the way. */
  ends(region: string): boolean {
    return !this.#search(region, new Set(), (unknown) => !this.#registered.has(unknown));
  }

  /** Whether a region above, or `region` itself, is met a second time or is `bad`. `below`: the regions on the way to it. */
  #search(region: string, below: ReadonlySet<string>, bad: (region: string) => boolean): boolean {
    if (region === "") return false;
    if (below.has(region) || bad(region)) return true;
    const way = new Set(below).add(region);
    for (const parent of this.#named.get(region) ?? []) if (this.#search(parent, way, bad)) return true;
    return false;
  }
}
