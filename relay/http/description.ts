import * as z from "zod";
import { residentBytes } from "../health/index.ts";
import type { RelayView } from "./view.ts";

/** The relay as a whole, for people. */
export const relayDescription = z.object({
  status: z.enum(["starting", "ready", "not_ready", "draining", "closed"]),
  reasons: z.array(z.string()).describe("Why the relay is not ready; empty when it is."),
  version: z.string(),
  engine: z.string(),
  uptime_seconds: z.number(),
  sessions: z.object({
    active: z.int(),
    opened: z.int(),
    by: z.array(z.object({ engine: z.string(), protocol: z.string(), count: z.int() })),
  }),
  broadcasts: z.int(),
  tracks: z.int(),
  subscriptions: z.int(),
  traffic: z.object({
    bytes_in: z.int().describe("Payload from publishers and other relays since the start."),
    bytes_out: z.int(),
    groups_in: z.int(),
    groups_out: z.int(),
    groups_dropped: z.int().describe("Groups that did not reach a viewer whole."),
  }),
  cache: z.object({ bytes: z.number(), budget: z.number(), groups: z.int() }),
  bounds_hit: z.record(z.string(), z.int()).describe("Times that each bound was reached; only those that were."),
  certificate: z.object({ fingerprint: z.string(), not_after: z.iso.datetime(), self_signed: z.boolean() }).optional(),
  memory_bytes: z.int(),
});

export function describeRelay(view: RelayView): z.output<typeof relayDescription> {
  const { counters } = view;
  const certificate = view.certificate();
  return {
    status: view.state() === "ready" && view.reasons().length > 0 ? "not_ready" : view.state(),
    reasons: [...view.reasons()],
    version: view.version,
    engine: view.engine,
    uptime_seconds: Math.round(view.uptimeMs() / 1000),
    sessions: { active: counters.sessionsActive, opened: counters.sessionsOpened, by: [...view.sessions()] },
    broadcasts: counters.broadcastsActive,
    tracks: counters.tracksActive,
    subscriptions: counters.subscriptionsActive,
    traffic: {
      bytes_in: counters.bytesIn,
      bytes_out: counters.bytesOut,
      groups_in: counters.groupsIn,
      groups_out: counters.groupsOut,
      groups_dropped: Object.values(counters.groupsDropped).reduce((sum, one) => sum + one, 0),
    },
    cache: { bytes: counters.cacheBytes, budget: counters.cacheBudget, groups: counters.cacheGroups },
    bounds_hit: Object.fromEntries(Object.entries(counters.boundsHit).filter(([, count]) => count > 0)),
    ...(certificate && {
      certificate: {
        fingerprint: certificate.fingerprint,
        not_after: certificate.notAfter.toISOString(),
        self_signed: certificate.selfSigned,
      },
    }),
    memory_bytes: residentBytes(),
  };
}
