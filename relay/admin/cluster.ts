import * as z from "zod";
import {
  ApiProblem,
  type ClusterNode,
  type ClusterTraffic,
  type ClusterView,
  fromText,
  MAX_PAGE,
  type Operation,
  operation,
  pathField,
  type RelayView,
} from "../http/index.ts";

const traffic = {
  viewers: z.int().describe("Sessions of clients that have a subscription."),
  broadcasts: z.int().describe("Broadcasts that are published there."),
  bits_in: z.int().describe("Payload in bits a second over the last 5 s, from publishers and from other relays."),
  bits_out: z.int().describe("The same, to viewers and to other relays."),
  groups_dropped: z.int().describe("Groups that subscribers lost since the start of the relay, whatever the reason."),
};

const link = z.object({
  node: z.string(),
  rtt_ms: z.number().optional().describe("Round trip of the link."),
});

const node = z.object({
  node: z.string(),
  role: z.string(),
  region: z.string(),
  url: z.string(),
  version: z.string().optional().describe("Of its program. Absent where it did not report it."),
  draining: z.boolean(),
  present: z.boolean().describe("False: its session is lost, and the root keeps it until its lease expires."),
  sessions: z.int().optional(),
  subscriptions: z.int().optional(),
  fullness: z
    .number()
    .optional()
    .describe(
      "The highest of its sessions, its egress and its busiest thread, each as a part of what it may have: 1 is full.",
    ),
  ...z.object(traffic).partial().shape,
  links: z.array(link).optional().describe("Relays that it takes media from, as it last reported."),
});

const region = z.object({
  region: z.string(),
  relays: z.int().describe("Relays whose session with this root is open."),
  silent: z
    .int()
    .describe("Of those, relays that have not reported yet, or whose version does not report all of this."),
  sessions: z.int(),
  subscriptions: z.int(),
  ...traffic,
});

const figures = z.object({
  sessions: z.int(),
  broadcasts: z.int(),
  subscriptions: z.int(),
  ingress: z.int().describe("Bytes a second."),
  egress: z.int().describe("Bytes a second."),
});

const tenant = z.object({
  tenant: z.string(),
  relays: z.int().describe("Relays with sessions of it."),
  use: figures.describe("At all relays together, as they reported last."),
  limit: figures.describe("As one of the relays is configured; 0 is no bound."),
});

const cluster = z.object({
  node: z.string(),
  role: z.string(),
  region: z.string(),
  roots: z.object({ configured: z.int(), connected: z.int() }),
  known_nodes: z.int().describe("Other relays that this one knows."),
  remote_broadcasts: z.int().describe("Broadcasts that this relay takes from other relays."),
  registered_broadcasts: z.int().describe("Broadcasts that this relay has registered as published here."),
  scopes: z.int().describe("Prefixes and paths that this relay asks for."),
  tiers: z.object({ relays: z.int(), asks: z.int() }).describe("Relays asked because no root answers."),
  upstreams: z
    .array(link)
    .describe("Relays to which this one has links for media, without those that it keeps for failover only."),
  failovers: z.int(),
  splices: z.int(),
  groups_resumed: z.int(),
  groups_lost: z.int(),
  namesakes: z.int().describe("Other relays that use this relay's name."),
  registry: z
    .object({
      nodes: z.int(),
      broadcasts: z.int(),
      holdings: z.int(),
      backend: z.enum(["memory", "redis"]),
      up: z.boolean(),
    })
    .optional()
    .describe("Only on a root."),
  regions: z.array(region).optional().describe("Only on a root: sums over the relays of each region, by name."),
  nodes: z.array(node).optional().describe("Only on a root."),
  broadcasts: z
    .array(z.object({ path: z.string(), holders: z.array(z.string()) }))
    .optional()
    .describe("Only on a root: broadcasts under `prefix`, and the relays that they are published to."),
  tenants: z
    .array(tenant)
    .optional()
    .describe("Only on a root: tenants with limits that hold over the mesh, those with most sessions first."),
});

/** The mesh as this relay sees it. */
export function clusterOperations(view: RelayView): Operation[] {
  return [
    operation(
      {
        method: "get",
        path: "/cluster",
        right: "read",
        tag: "cluster",
        id: "getCluster",
        summary: "The mesh as this relay sees it; a root also lists relays and broadcasts.",
        query: z.strictObject({
          prefix: pathField.default("").describe("Only broadcasts under this path, by whole segments."),
          limit: fromText(z.int().min(0).max(MAX_PAGE).default(MAX_PAGE)).describe("Most entries of each list."),
        }),
        answer: cluster,
      },
      ({ query }) => {
        const seen = view.cluster();
        if (seen === undefined) throw new ApiProblem(404, "no_mesh", "this relay is in no mesh");
        return describe(seen, query);
      },
    ),
  ];
}

function describe(view: ClusterView, { prefix, limit }: { prefix: string; limit: number }): z.output<typeof cluster> {
  const { registry } = view;
  return {
    node: view.node,
    role: view.role,
    region: view.region,
    roots: view.roots,
    known_nodes: view.nodes,
    remote_broadcasts: view.broadcasts.remote,
    registered_broadcasts: view.broadcasts.registered,
    scopes: view.scopes,
    tiers: view.tiers,
    upstreams: view.upstreams.map(linkOf),
    failovers: view.failovers,
    splices: view.splices,
    groups_resumed: view.groupsResumed,
    groups_lost: view.groupsLost,
    namesakes: view.namesakes,
    ...(registry && {
      registry: { ...registry.counts, backend: registry.backend.kind, up: registry.backend.up },
      regions: [...first(registry.regions(), limit)].map(({ region: name, relays, silent, ...sums }) => ({
        region: name,
        relays,
        silent,
        sessions: sums.sessions,
        subscriptions: sums.subscriptions,
        ...trafficOf(sums),
      })),
      nodes: [...first(registry.nodes(), limit)].map(nodeOf),
      tenants: [...registry.tenants()]
        .toSorted((a, b) => b.use.sessions - a.use.sessions || (a.tenant < b.tenant ? -1 : 1))
        .slice(0, limit),
      broadcasts: [...first(registry.broadcasts(prefix), limit)].map(({ path, holders }) => ({
        path,
        holders: [...holders],
      })),
    }),
  };
}

function nodeOf({ traffic: passing, links, ...facts }: ClusterNode): z.output<typeof node> {
  return { ...facts, ...(passing && trafficOf(passing)), ...(links && { links: links.map(linkOf) }) };
}

function trafficOf({ viewers, broadcasts, bitsIn, bitsOut, dropped }: ClusterTraffic) {
  return { viewers, broadcasts, bits_in: bitsIn, bits_out: bitsOut, groups_dropped: dropped };
}

function linkOf({ node: to, rttMs }: { readonly node: string; readonly rttMs?: number }): z.output<typeof link> {
  return rttMs === undefined ? { node: to } : { node: to, rtt_ms: rttMs };
}

function* first<T>(all: Iterable<T>, limit: number): Generator<T> {
  let left = limit;
  for (const one of all) {
    if (left-- <= 0) return;
    yield one;
  }
}
