/** Which figures of a relay must come back to what they were before the first client. */
import type { Samples } from "../admin.ts";

/** Gauges of `/metrics` that count what clients leave behind, without the prefix; and by how much each may be above its beginning. */
const TABLES: ReadonlyMap<string, number> = new Map([
  ["sessions", 0],
  ["broadcasts", 0],
  ["tracks", 0],
  ["subscriptions", 0],
  ["waiting_tracks", 0],
  ["announcement_watchers", 0],
  ["cache_bytes", 0],
  ["cache_groups", 0],
  ["tenant_sessions", 0],
  ["broadcast_subscriptions", 0],
  ["http_connections", 0],
  ["auth_revocations", 0],
  ["engine_worker_links", 0],
  ["engine_worker_queue", 0],
  ["mesh_links", 0],
  ["mesh_remote_broadcasts", 0],
  ["mesh_registered_broadcasts", 0],
  ["mesh_scopes", 0],
  ["mesh_tier_asks", 0],
  ["registry_holdings", 0],
  ["webhooks_queued", 0],
  // The connections of this program to the admin listener come and go.
  ["process_open_fds", 8],
  ["nodejs_active_handles", 8],
]);

const PREFIX = "moqmesh_";

export interface Leftover {
  readonly table: string;
  readonly before: number;
  readonly now: number;
}

/** The tables that are not as they were. A table that the relay does not show counts as 0. */
export function leftovers(before: Samples, now: Samples): Leftover[] {
  return [...TABLES].flatMap(([table, spare]) => {
    const one = { table, before: before.get(PREFIX + table) ?? 0, now: now.get(PREFIX + table) ?? 0 };
    return one.now > one.before + spare ? [one] : [];
  });
}

/** Names of tables that were never seen in a run: a table that is renamed would never be found full. */
export function unseenTables(seen: ReadonlySet<string>): string[] {
  return [...TABLES.keys()].filter((table) => !seen.has(PREFIX + table));
}
