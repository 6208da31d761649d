/** The topology as variables of terraform/modules/topology. */
import { TIERS, type Tier } from "./machines.ts";
import type { Plan } from "./plan.ts";

/** The module's names of the counts. */
const COUNTS: Readonly<Record<Tier, string>> = {
  root: "roots",
  origin: "origins",
  regional: "regionals",
  edge: "edges",
};

/** The share of new viewers of the largest region, as weights count. */
const MOST_WEIGHT = 100;

/** Sessions of an edge are bounded in steps of this many, so that the number reads well. */
const SESSION_STEP = 100;

/** Variables of modules/topology. Networks of operators and of the cluster are not in it: only the operator knows them. */
export interface Topology {
  readonly name: string;
  readonly domain?: string;
  readonly architecture?: string;
  readonly regions: Readonly<Record<string, TopologyRegion>>;
  readonly limits: { readonly sessions: number };
}

interface TopologyRegion {
  readonly [count: string]: number | string | readonly string[] | Readonly<Record<string, string>>;
}

export function topologyOf(plan: Plan): Topology {
  const { request } = plan;
  const most = Math.max(...request.regions.map(({ share }) => share));
  const regions = request.regions.map(({ name, location, share, countries }) => {
    const tiers = plan.tiers.filter(({ region }) => region === name);
    const counts = TIERS.map((tier): [string, number] => [
      COUNTS[tier],
      tiers.find((one) => one.tier === tier)?.relays ?? 0,
    ]);
    const sizes = Object.fromEntries(tiers.map(({ tier, machine }) => [tier, machine.size]));
    const region: TopologyRegion = {
      cloud: request.cloud,
      location,
      ...Object.fromEntries(counts),
      ...(request.cloud !== "none" && { sizes }),
      weight: Math.max(1, Math.round((MOST_WEIGHT * share) / most)),
      ...(countries.length > 0 && { countries }),
    };
    return [name, region] as const;
  });
  return {
    name: request.name,
    ...(request.domain !== undefined && { domain: request.domain }),
    ...(request.cloud !== "none" && { architecture: request.architecture }),
    regions: Object.fromEntries(regions),
    limits: { sessions: sessionsOf(plan) },
  };
}

/** As many sessions as a full edge has without headroom: more viewers go to another edge. */
function sessionsOf({ tiers, request }: Plan): number {
  const planned = Math.max(...tiers.map(({ load }) => load.deliveries));
  return Math.ceil(planned / (1 - request.headroom) / SESSION_STEP) * SESSION_STEP;
}

/** A file of variables for OpenTofu and Terraform. */
export function tfvarsText(plan: Plan, command: string): string {
  const topology = topologyOf(plan);
  const lines = Object.entries(topology).flatMap(([name, value]) => [`${name} = ${literal(value, "")}`, ""]);
  const missing =
    topology.domain === undefined ? ["# domain is missing: add it, or -var domain=live.example.com", ""] : [];
  return [
    `# Variables of terraform/modules/topology, made by: ${command}`,
    "# Add admin_networks and cluster_networks: the module's README.md has all variables.",
    "",
    ...missing,
    ...lines,
  ].join("\n");
}

/** A value in HCL; texts and numbers are written as JSON writes them. */
function literal(value: unknown, indent: string): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => literal(item, indent)).join(", ")}]`;
  const inner = `${indent}  `;
  const items = Object.entries(value).map(([key, item]) => ({ key, text: literal(item, inner) }));
  const values: readonly unknown[] = Object.values(value);
  if (values.every((item) => typeof item !== "object")) {
    return `{ ${items.map(({ key, text }) => `${key} = ${text}`).join(", ")} }`;
  }
  // As `tofu fmt`: the names of values on one line are aligned.
  const short = items.filter(({ text }) => !text.includes("\n"));
  const width = short.reduce((widest, { key }) => Math.max(widest, key.length), 0);
  const lines = items.map(
    (item) => `${inner}${short.includes(item) ? item.key.padEnd(width) : item.key} = ${item.text}`,
  );
  return ["{", ...lines, `${indent}}`].join("\n");
}
