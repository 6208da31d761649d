import type {
  ControlClient,
  FailoverCounters,
  Mesh,
  NodeInfo,
  PeerLinks,
  Registry,
  Rootless,
  RouteTable,
} from "../../cluster/index.ts";
import type { ClusterBroadcast, ClusterNode, ClusterView } from "../http/index.ts";
import type { Root } from "./root.ts";

export interface ClusterParts {
  readonly self: NodeInfo;
  readonly root: Root | undefined;
  readonly table: RouteTable;
  readonly mesh: Mesh;
  readonly tiers: Rootless;
  readonly peers: PeerLinks;
  readonly control: ControlClient;
  readonly counters: FailoverCounters;
  readonly namesakes: number;
}

/** What the admin endpoints may know of the mesh. */
export function clusterView(parts: ClusterParts): ClusterView {
  const { self, root, table, mesh, tiers, peers, control, counters, namesakes } = parts;
  const { node, role, region } = self;
  return {
    node,
    role,
    region,
    roots: { configured: control.known, connected: control.connected },
    nodes: table.counts.nodes,
    broadcasts: { remote: mesh.counts.remote, registered: mesh.counts.held },
    scopes: mesh.counts.scopes,
    tiers: tiers.counts,
    upstreams: peers.up,
    ...counters,
    namesakes,
    registry: root && registryView(root),
  };
}

function registryView({ registry, shared, contested }: Root): ClusterView["registry"] {
  return {
    counts: registry.counts,
    contested,
    backend: { kind: shared === undefined ? "memory" : "redis", up: shared?.connected ?? true },
    sharing: shared?.counters ?? { writes: 0, errors: 0, strange: 0, reconcileMs: 0 },
    nodes: function* () {
      for (const { info, load, present } of registry.nodes()) yield nodeOf(info, load, present);
    },
    broadcasts: (prefix) => grouped(registry, prefix),
  };
}

function nodeOf(
  { node, role, region, url, draining }: NodeInfo,
  load: { readonly sessions: number; readonly subscriptions: number } | undefined,
  present: boolean,
): ClusterNode {
  return { node, role, region, url, draining, present, ...load };
}

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
