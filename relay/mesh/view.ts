import {
  type MeshNode,
  type NodeEntry,
  perKind,
  REPLICATION_METRICS,
  type Registry,
  TENANT_KINDS,
} from "../../cluster/index.ts";
import { counter, gauge, type MetricSources, metricGroup, type Readings, type Sample } from "../../moq/metrics.ts";
import { OTHER } from "../../moq/series.ts";
import type { ClusterBroadcast, ClusterNode, ClusterRegion, ClusterTenant, ClusterView } from "../http/index.ts";

export const MESH_METRICS = metricGroup("Mesh", {
  rootsConnected: gauge("mesh_roots_connected", "Roots that this relay is registered at."),
  nodes: gauge("mesh_nodes", "Other relays that this relay knows."),
  links: gauge("mesh_links", "Links to other relays that are open for media."),
  remoteBroadcasts: gauge("mesh_remote_broadcasts", "Broadcasts that this relay takes from other relays."),
  registeredBroadcasts: gauge(
    "mesh_registered_broadcasts",
    "Broadcasts that this relay has registered as published here.",
  ),
  scopes: gauge("mesh_scopes", "Prefixes and paths that this relay asks a root for."),
  rootlessRelays: gauge("mesh_tier_relays", "Relays that this relay asks because no root answers."),
  rootlessAsks: gauge("mesh_tier_asks", "Prefixes and paths that it asks these relays for, all relays together."),
  tenants: gauge("mesh_tenants", "Tenants of this relay whose limits hold over the mesh."),
  namesakes: counter("mesh_namesakes_total", "Times that this relay found another relay with its own name."),
});

const TENANT_NAME =
  "The tenant; the first `[http] metric_series` that reported have lines of their own, all further ones are `other`.";

export const REGISTRY_METRICS = metricGroup("Registry of a root", {
  tenants: gauge(
    "registry_tenants",
    "Tenants with limits that hold over the mesh, as relays report them to this root.",
  ),
  tenantUse: gauge("registry_tenant_use", "What the tenant uses at all relays together: counts, and bytes a second.", {
    tenant: TENANT_NAME,
    kind: TENANT_KINDS,
  }),
  nodes: gauge("registry_nodes", "Relays that this root knows."),
  holdings: gauge("registry_holdings", "Broadcasts that this root knows, counted once for each relay that has them."),
  contested: counter("registry_contested_total", "Times that several relays had one name at once."),
  backendUp: gauge(
    "registry_backend_up",
    "1 while this root reaches the place where the registry is kept, else 0. Memory is always reached.",
  ),
});

/** Shows a relay of a mesh in its metrics; `replication` is that of a root whose registry other roots share. */
export function attachMesh(
  sources: MetricSources,
  view: () => ClusterView,
  series: number,
  replication: Readings<keyof typeof REPLICATION_METRICS.metrics> | undefined,
): void {
  sources.attach(MESH_METRICS, () => meshReadings(view()));
  sources.attach(REGISTRY_METRICS, () => registryReadings(view(), series));
  sources.attach(REPLICATION_METRICS, () => replication);
}

function meshReadings(view: ClusterView): Readings<keyof typeof MESH_METRICS.metrics> {
  return {
    rootsConnected: view.roots.connected,
    nodes: view.nodes,
    links: view.upstreams.length,
    remoteBroadcasts: view.broadcasts.remote,
    registeredBroadcasts: view.broadcasts.registered,
    scopes: view.scopes,
    rootlessRelays: view.tiers.relays,
    rootlessAsks: view.tiers.asks,
    tenants: view.tenants,
    namesakes: view.namesakes,
  };
}

function registryReadings(
  { registry }: ClusterView,
  series: number,
): Readings<keyof typeof REGISTRY_METRICS.metrics> | undefined {
  if (registry === undefined) return undefined;
  const { counts, contested, backend } = registry;
  return {
    nodes: counts.nodes,
    holdings: counts.holdings,
    contested,
    backendUp: Number(backend.up),
    tenants: registry.tenantCount,
    tenantUse: tenantUse(registry.tenants(), series),
  };
}

/** One line for each kind of the first `series` tenants, and of all others together. */
function tenantUse(tenants: Iterable<ClusterTenant>, series: number): Sample[] {
  const rows = [...tenants];
  const others = rows.slice(series);
  const named = rows.slice(0, series).map(({ tenant, use }) => [tenant, use] as const);
  const other = perKind((kind) => others.reduce((sum, { use }) => sum + use[kind], 0));
  return [...named, ...(others.length > 0 ? [[OTHER, other] as const] : [])].flatMap(([tenant, use]) =>
    TENANT_KINDS.map((kind): Sample => [{ tenant, kind }, use[kind]]),
  );
}

/** What the admin endpoints may know of the mesh. */
export function clusterView(mesh: MeshNode): ClusterView {
  const { self, root, routes, broadcasts, rootless, control, sources, namesakes, links } = mesh;
  const { node, role, region } = self;
  const { remote, registered, scopes } = broadcasts.counts;
  return {
    node,
    role,
    region,
    roots: { configured: control.known, connected: control.connected },
    nodes: routes.counts.nodes,
    broadcasts: { remote, registered },
    scopes,
    tenants: mesh.tenants?.size ?? 0,
    tiers: rootless.counts,
    upstreams: links,
    ...sources.failovers,
    namesakes,
    registry: root && registryView(root),
  };
}

function registryView({ registry, replicated, contested }: NonNullable<MeshNode["root"]>): ClusterView["registry"] {
  return {
    counts: registry.counts,
    contested,
    backend: { kind: replicated === undefined ? "memory" : "redis", up: replicated?.connected ?? true },
    nodes: function* () {
      for (const entry of registry.nodes()) yield nodeOf(entry);
    },
    regions: () => regionsOf(registry.nodes()),
    broadcasts: (prefix) => grouped(registry, prefix),
    tenants: () => registry.tenants.totals(),
    tenantCount: registry.tenants.size,
  };
}

function nodeOf({ info, load, present }: NodeEntry): ClusterNode {
  const { node, role, region, url, draining, version } = info;
  return { node, role, region, url, draining, present, ...(version !== undefined && { version }), ...load };
}

/** Sums by region over the relays whose session is there. */
function regionsOf(entries: Iterable<NodeEntry>): ClusterRegion[] {
  const regions = new Map<string, ClusterRegion>();
  for (const { info, load, present } of entries) {
    if (!present) continue;
    const before = regions.get(info.region) ?? { region: info.region, ...NO_TRAFFIC };
    const { traffic = NO_TRAFFIC } = load ?? {};
    regions.set(info.region, {
      region: info.region,
      relays: before.relays + 1,
      silent: before.silent + Number(load?.traffic === undefined),
      sessions: before.sessions + (load?.sessions ?? 0),
      subscriptions: before.subscriptions + (load?.subscriptions ?? 0),
      viewers: before.viewers + traffic.viewers,
      broadcasts: before.broadcasts + traffic.broadcasts,
      bitsIn: before.bitsIn + traffic.bitsIn,
      bitsOut: before.bitsOut + traffic.bitsOut,
      dropped: before.dropped + traffic.dropped,
    });
  }
  return [...regions.values()].toSorted((a, b) => (a.region < b.region ? -1 : 1));
}

const NO_TRAFFIC = {
  relays: 0,
  silent: 0,
  sessions: 0,
  subscriptions: 0,
  viewers: 0,
  broadcasts: 0,
  bitsIn: 0,
  bitsOut: 0,
  dropped: 0,
};

function* grouped(registry: Registry, prefix: string): Generator<ClusterBroadcast> {
  let current: { path: string; holders: string[] } | undefined;
  for (const { path, node } of registry.under(prefix)) {
    if (current?.path === path) current.holders.push(node);
    else {
      if (current !== undefined) yield current;
      current = { path, holders: [node] };
    }
  }
  if (current !== undefined) yield current;
}
