import type { ClusterView } from "./view.ts";

/** Most entries of a list in one answer: enough for a terminal, and cheap to build. */
const MAX_LISTED = 10_000;
const LISTED = 1_000;

/** `GET /cluster?prefix=PATH&limit=N`: the mesh as this relay sees it; a root also lists nodes and broadcasts. */
export function describeCluster(view: ClusterView, query: URLSearchParams): Record<string, unknown> {
  const asked = Number(query.get("limit") ?? LISTED);
  const limit = Number.isInteger(asked) && asked >= 0 ? Math.min(MAX_LISTED, asked) : LISTED;
  const prefix = (query.get("prefix") ?? "").replace(/^\/+|\/+$/g, "");
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
    upstreams: view.upstreams.map((node) => ({ node })),
    failovers: view.failovers,
    splices: view.splices,
    groups_resumed: view.groupsResumed,
    groups_lost: view.groupsLost,
    namesakes: view.namesakes,
    ...(registry && {
      registry: { ...registry.counts, backend: registry.backend.kind, up: registry.backend.up },
      nodes: first(registry.nodes(), limit),
      broadcasts: first(registry.broadcasts(prefix), limit),
    }),
  };
}

function first<T>(all: Iterable<T>, limit: number): T[] {
  const list: T[] = [];
  for (const one of all) {
    if (list.length >= limit) break;
    list.push(one);
  }
  return list;
}
