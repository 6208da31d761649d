/** How many edges the same audience needs on other machines of the cloud. */
import { PlanError } from "./codes.ts";
import { MACHINES, type Machine } from "./machines.ts";
import { type Plan, planOf } from "./plan.ts";

export interface Alternative {
  readonly machine: Machine;
  /** In all regions. */
  readonly edges: number;
  readonly viewersPerEdge: number;
}

/** Every machine of the cloud on which the edges can run, smallest number of edges last. Empty for machines of one's own. */
export function alternativesOf({ request }: Plan): Alternative[] {
  if (request.cloud === "none") return [];
  const found = MACHINES[request.cloud].flatMap((machine): Alternative[] => {
    try {
      const { tiers, viewersPerEdge } = planOf({ ...request, machines: { ...request.machines, edge: machine } });
      const edges = tiers.filter(({ tier }) => tier === "edge").reduce((sum, { relays }) => sum + relays, 0);
      return [{ machine, edges, viewersPerEdge }];
    } catch (error) {
      if (error instanceof PlanError) return [];
      throw error;
    }
  });
  return found.toSorted((a, b) => b.edges - a.edges);
}
