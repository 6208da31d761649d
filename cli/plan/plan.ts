/** Makes the plan: how many relays of each tier each region needs. */
import { PlanError } from "./codes.ts";
import { fits, highest, type Limit, type Load, rootUse, smallest, useOf, viewersOfEdge } from "./load.ts";
import type { Machine, Tier } from "./machines.ts";
import { WIRE } from "./measured.ts";
import type { PlannedRegion, PlanRequest } from "./request.ts";

/** The relays of one tier in one region. */
export interface PlannedTier {
  readonly region: string;
  readonly tier: Tier;
  readonly relays: number;
  /** Relays that may be gone while the others still carry everything with the headroom. */
  readonly spare: number;
  readonly machine: Machine;
  /** What one of them carries when the spare ones are gone. */
  readonly load: Load;
  /** The part of the machine that this takes, and of what. */
  readonly part: number;
  readonly limit: Limit;
  /** Bits a second of media that all of them send together at the peak, when nothing is lost. */
  readonly egress: number;
}

/** Bits a second on the wire at the peak, and GB in a month. */
export interface Traffic {
  readonly peak: number;
  readonly monthly: number;
}

export interface Plan {
  readonly request: PlanRequest;
  readonly tiers: readonly PlannedTier[];
  /** Viewers that one edge carries. */
  readonly viewersPerEdge: number;
  readonly relays: number;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly traffic: {
    /** From edges to viewers. */
    readonly viewers: Traffic;
    /** Between relays of one region. */
    readonly within: Traffic;
    /** Between relays of different regions. */
    readonly between: Traffic;
    /** From publishers. */
    readonly publishers: Traffic;
  };
}

/** As modules/topology. */
const MOST_RELAYS = 500;
/** Roots of a mesh that survives the loss of one, in different regions where there are several. */
const MOST_ROOTS = 3;
/** Hours of a month, as clouds count. */
const MONTH_HOURS = 730;

/** @throws PlanError when no number of relays carries it. */
export function planOf(request: PlanRequest): Plan {
  const viewersPerEdge = viewersOfEdge(request);
  if (viewersPerEdge === 0) throw tooSmall("edge", request);
  const demands = request.regions.map((region) => demandOf(region, request));
  const served = demands.map((demand) => ({ demand, edges: edgesOf(demand, viewersPerEdge, request) }));
  const pulls = sum(served.map((one) => (request.regionals ? one.demand.watched : pulled(one, request))));
  const pullers = request.regionals ? served.length : sum(served.map(({ edges }) => edges.relays));
  const now = trafficOf(request, served);
  const regionals = request.regionals ? served.map((one) => regionalsOf(one, request)) : [];
  const origins = demands.map((demand) => originsOf(demand, pulls, pullers, now.originEgress, request));
  const edges = served.map((one) => one.edges);
  const carrying = [...origins, ...regionals, ...edges];
  const roots = rootsOf(sum(carrying.map((tier) => tier.relays)), request);
  const tiers = request.regions.flatMap(({ name }) => [...roots, ...carrying].filter(({ region }) => region === name));
  return {
    request,
    tiers,
    viewersPerEdge,
    relays: sum(tiers.map((tier) => tier.relays)),
    cores: sum(tiers.map(({ relays: count, machine }) => count * machine.cores)),
    memoryBytes: sum(tiers.map(({ relays: count, machine }) => count * machine.memoryBytes)),
    traffic: now.traffic,
  };
}

/** What a region has to carry. */
interface Demand {
  readonly region: PlannedRegion;
  /** With all regions there. */
  readonly viewers: number;
  /** When the largest other region is lost, where the mesh has to survive that. */
  readonly most: number;
  /** Broadcasts that `most` viewers watch, and broadcasts that are published here. */
  readonly watched: number;
  readonly published: number;
}

function demandOf(region: PlannedRegion, request: PlanRequest): Demand {
  const others = request.regions.filter(({ name }) => name !== region.name).map(({ share }) => share);
  const lost = request.survive === "region" ? Math.max(...others) : 0;
  const share = region.share / (1 - lost);
  const most = portion(request.viewers, share);
  return {
    region,
    viewers: portion(request.viewers, region.share),
    most,
    watched: Math.min(request.broadcasts, most),
    published: portion(request.broadcasts, share),
  };
}

/** A share of a number of things, rounded up; floating point may not make it one more. */
function portion(count: number, share: number): number {
  return Math.max(1, Math.ceil(Number((count * share).toFixed(6))));
}

function edgesOf(demand: Demand, viewersPerEdge: number, request: PlanRequest): PlannedTier {
  const usual = Math.ceil(demand.viewers / viewersPerEdge);
  const relays = Math.max(usual + spareOf(request), Math.ceil(demand.most / viewersPerEdge));
  const each = Math.max(Math.ceil(demand.viewers / (relays - spareOf(request))), Math.ceil(demand.most / relays));
  const load = { deliveries: each, broadcasts: Math.min(each, request.broadcasts) };
  return tierOf("edge", demand.region, relays, load, demand.viewers * request.bitrate, request);
}

/** A region with its edges. */
interface Served {
  readonly demand: Demand;
  readonly edges: PlannedTier;
}

/** Broadcasts that the edges of a region pull, together: a broadcast of which an edge has a viewer, once. */
function pulled({ demand, edges }: Served, { broadcasts }: PlanRequest, viewers = demand.most): number {
  return Math.min(edges.relays * broadcasts, viewers);
}

function regionalsOf(served: Served, request: PlanRequest): PlannedTier {
  const { demand, edges } = served;
  const load = { deliveries: pulled(served, request), broadcasts: demand.watched };
  const egress = pulled(served, request, demand.viewers) * request.bitrate;
  return spread("regional", demand.region, load, edges.relays, egress, request);
}

function originsOf(demand: Demand, pulls: number, pullers: number, egress: number, request: PlanRequest): PlannedTier {
  const deliveries = Math.ceil((pulls * demand.published) / request.broadcasts);
  const load = { deliveries, broadcasts: demand.published };
  return spread("origin", demand.region, load, pullers, egress * demand.region.share, request);
}

/** Relays that share broadcasts out. One broadcast stays whole: it goes to every puller from one relay. */
function spread(
  tier: "origin" | "regional",
  region: PlannedRegion,
  { deliveries, broadcasts }: Load,
  pullers: number,
  egress: number,
  request: PlanRequest,
): PlannedTier {
  const each = (relays: number): Load => ({
    deliveries: Math.max(Math.ceil(deliveries / relays), Math.min(pullers, deliveries)),
    broadcasts: Math.ceil(broadcasts / relays),
  });
  if (!fits({ deliveries: 1, broadcasts: 1 }, tier, request)) throw tooSmall(tier, request);
  const needed = smallest((relays) => fits(each(relays), tier, request), Math.max(broadcasts, 1));
  if (needed === undefined) {
    const message = `${region.name}: one broadcast goes to ${pullers} relays, more than one ${tier} on ${request.machines[tier].size} sends it to: take larger machines for it, or fewer and larger ${request.regionals ? "edges" : "edges, or regionals"}`;
    throw new PlanError([{ code: "plan_broadcast_too_wide", message }]);
  }
  return tierOf(tier, region, needed + spareOf(request), each(needed), egress, request);
}

function spareOf({ survive }: PlanRequest): number {
  return survive === "none" ? 0 : 1;
}

function tierOf(
  tier: Exclude<Tier, "root">,
  region: PlannedRegion,
  relays: number,
  load: Load,
  egress: number,
  request: PlanRequest,
): PlannedTier {
  if (relays > MOST_RELAYS) {
    const message = `${region.name} needs ${relays} relays of the tier ${tier} on ${request.machines[tier].size}; at most ${MOST_RELAYS} are possible: take larger machines (--size, or --cores and --network), or more regions`;
    throw new PlanError([{ code: "plan_too_many_relays", message }]);
  }
  const machine = request.machines[tier];
  const { part, limit } = highest(useOf(load, request, machine, request.coreSpeed));
  return { region: region.name, tier, relays, spare: spareOf(request), machine, load, part, limit, egress };
}

function rootsOf(relays: number, request: PlanRequest): PlannedTier[] {
  const { regions, survive, machines, broadcasts } = request;
  const machine = machines.root;
  const { part, limit } = highest(rootUse(broadcasts, relays, machine));
  if (part > 1 - request.headroom) throw tooSmall("root", request);
  const wanted = survive === "none" ? 1 : Math.max(2, Math.min(regions.length, MOST_ROOTS));
  const here = regions.slice(0, wanted);
  const load = { deliveries: 0, broadcasts };
  return here.map(({ name }, index) => {
    const count = index === 0 ? wanted - here.length + 1 : 1;
    // Any root does for all: the spare ones of one region are those that the others replace.
    return {
      region: name,
      tier: "root",
      relays: count,
      spare: wanted > 1 ? 1 : 0,
      machine,
      load,
      part,
      limit,
      egress: 0,
    };
  });
}

function tooSmall(tier: Tier, request: PlanRequest): PlanError {
  const what =
    tier === "root" ? `the registry of ${request.broadcasts} broadcasts` : "even one viewer of one broadcast";
  const message = `one ${tier} on ${request.machines[tier].size} does not carry ${what} with ${Math.round(request.headroom * 100)} % headroom: take larger machines, or less headroom`;
  return new PlanError([{ code: "plan_machine_too_small", message }]);
}

/** When nothing is lost. `originEgress`: bits a second of media that all origins send together. */
function trafficOf(
  request: PlanRequest,
  served: readonly Served[],
): { readonly traffic: Plan["traffic"]; readonly originEgress: number } {
  const { viewers, broadcasts, bitrate, regionals } = request;
  const toEdges = served.map((one) => pulled(one, request, one.demand.viewers));
  const fromOrigins = regionals ? served.map(({ demand }) => Math.min(broadcasts, demand.viewers)) : toEdges;
  // Broadcasts are published where viewers are: a region pulls all from other regions but for its own share.
  const between = sum(served.map(({ demand }, index) => (fromOrigins[index] ?? 0) * (1 - demand.region.share)));
  const own = sum(fromOrigins) - between;
  return {
    originEgress: sum(fromOrigins) * bitrate,
    traffic: {
      viewers: traffic(viewers, request),
      within: traffic(regionals ? sum(toEdges) + own : own, request),
      between: traffic(between, request),
      publishers: traffic(broadcasts, request),
    },
  };
}

/** Of a number of streams of one viewer's media. */
function traffic(streams: number, { bitrate, average }: PlanRequest): Traffic {
  const peak = streams * bitrate * WIRE;
  return { peak, monthly: (peak / 8 / 1e9) * 3_600 * MONTH_HOURS * average };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
