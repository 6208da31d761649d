/** The plan for programs. Rates are bits a second, traffic GB a month, memory bytes. */

import { alternativesOf } from "./alternatives.ts";
import { assumptionsOf, notesOf } from "./notes.ts";
import type { Plan } from "./plan.ts";
import { topologyOf } from "./tfvars.ts";

export function planJson(plan: Plan): object {
  const { request, tiers, traffic } = plan;
  const { price, regionPrice } = request;
  const cost = (monthly: number, each: number | undefined) =>
    each === undefined ? null : Math.round(monthly * each * 100) / 100;
  return {
    ok: true,
    request: {
      viewers: request.viewers,
      bitrate: request.bitrate,
      frames: request.frames,
      groups: request.groups,
      broadcasts: request.broadcasts,
      regions: request.regions,
      cloud: request.cloud,
      survive: request.survive,
      headroom: request.headroom,
      core_speed: request.coreSpeed,
      average: request.average,
    },
    relays: plan.relays,
    cores: plan.cores,
    memory_bytes: plan.memoryBytes,
    viewers_per_edge: plan.viewersPerEdge,
    tiers: tiers.map(({ machine, load, part, limit, egress, ...tier }) => ({
      ...tier,
      size: request.cloud === "none" ? null : machine.size,
      cores: machine.cores * tier.relays,
      memory_bytes: machine.memoryBytes * tier.relays,
      egress,
      each: { deliveries: load.deliveries, broadcasts: load.broadcasts, used: Number(part.toFixed(4)), limit },
    })),
    traffic: {
      viewers: { ...traffic.viewers, cost: cost(traffic.viewers.monthly, price) },
      between_regions: { ...traffic.between, cost: cost(traffic.between.monthly, regionPrice) },
      within_regions: traffic.within,
      publishers: traffic.publishers,
    },
    edges_on_other_machines: alternativesOf(plan).map(({ machine, edges, viewersPerEdge }) => ({
      size: machine.size,
      edges,
      viewers_per_edge: viewersPerEdge,
      cores: machine.cores * edges,
    })),
    notes: notesOf(plan),
    assumptions: assumptionsOf(plan),
    topology: topologyOf(plan),
  };
}
