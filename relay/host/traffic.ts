import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../moq/clock.ts";
import {
  counter,
  Distribution,
  gauge,
  histogram,
  type MetricSources,
  metricGroup,
  type Readings,
  type Sample,
} from "../../moq/metrics.ts";
import { OTHER, Series } from "../../moq/series.ts";
import type { Session } from "../../moq/session/index.ts";

/** Sessions whose figures are read in one turn: less than a millisecond of work. */
const SESSIONS_PER_TURN = 100;

/** Milliseconds for which the figures are not read again, so that several scrapers cost as much as one. */
const FRESH_MS = 500;

/** Milliseconds between two observations of round trips, so that their number does not depend on the scrapers. */
const RTT_EVERY_MS = 5_000;

/** What the peer of a session is. */
const ROLES = ["client", "relay"] as const;
type Role = (typeof ROLES)[number];

const BY_PEER = { role: ROLES, protocol: "The protocol version that the session speaks." };
const BY_ROLE = { role: ROLES };
const BY_TENANT = {
  tenant: `The tenant; empty without one. Beyond \`[http] metric_series\` tenants, all further ones are \`${OTHER}\`.`,
};

export const TRAFFIC_METRICS = metricGroup("Traffic", {
  received: counter(
    "wire_received_bytes_total",
    "Bytes that links received, with the headers of their protocols.",
    BY_PEER,
  ),
  sent: counter("wire_sent_bytes_total", "Bytes that links sent, with the headers of their protocols.", BY_PEER),
  media: counter(
    "received_media_bytes_total",
    "Bytes of groups and datagrams that sessions read, with the headers of frames.",
    BY_PEER,
  ),
  sentMedia: counter(
    "sent_media_bytes_total",
    "Bytes of payload of groups that sessions wrote to their peers. Datagrams are not counted.",
    BY_PEER,
  ),
  packetsSent: counter("packets_sent_total", "QUIC packets that links sent, where the engine counts them.", BY_ROLE),
  packetsLost: counter("packets_lost_total", "QUIC packets that links lost, where the engine counts them.", BY_ROLE),
  rtt: histogram(
    "round_trip_seconds",
    "Round-trip times of the open links, each observed at most every 5 s while metrics are read.",
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6],
    BY_ROLE,
  ),
  tenantSessions: gauge("tenant_sessions", "Sessions of clients that are open now, by tenant.", BY_TENANT),
  tenantReceived: counter("tenant_wire_received_bytes_total", "Bytes received from clients, by tenant.", BY_TENANT),
  tenantSent: counter("tenant_wire_sent_bytes_total", "Bytes sent to clients, by tenant.", BY_TENANT),
});

interface Totals {
  received: number;
  sent: number;
  media: number;
  sentMedia: number;
  packetsSent: number;
  packetsLost: number;
}
const NAMES = [
  "received",
  "sent",
  "media",
  "sentMedia",
  "packetsSent",
  "packetsLost",
] as const satisfies readonly (keyof Totals)[];

interface TenantTotals {
  sessions: number;
  received: number;
  sent: number;
}

interface Counted {
  readonly role: Role;
  readonly totals: Totals;
  readonly tenant: string;
  /** Absent for a relay of the mesh: its traffic is that of other tenants. */
  readonly ofTenant: TenantTotals | undefined;
  /** What `totals` already have of it. */
  readonly seen: Totals;
}

const none = (): Totals => ({ received: 0, sent: 0, media: 0, sentMedia: 0, packetsSent: 0, packetsLost: 0 });

/**
 * Sums of the figures of all sessions. Engines count each link, so nothing is counted here while media flows: the figures are read before
 * a scrape, a few sessions in a turn, and once more at the end of each session.
 */
export class Traffic {
  readonly #clock: Clock;
  readonly #sessions = new Map<Session, Counted>();
  /** By role and protocol, which are few. */
  readonly #totals = new Map<string, { readonly role: Role; readonly protocol: string; readonly totals: Totals }>();
  readonly #rtt = {
    client: new Distribution(TRAFFIC_METRICS.metrics.rtt),
    relay: new Distribution(TRAFFIC_METRICS.metrics.rtt),
  };
  readonly #tenants: Series<TenantTotals>;
  #readAt = Number.NEGATIVE_INFINITY;
  #rttAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  /** `series`: tenants with figures of their own. */
  constructor(clock: Clock, sources: MetricSources, series: number) {
    this.#clock = clock;
    sources.attach(TRAFFIC_METRICS, () => this.readings());
    sources.beforeScrape(() => this.refresh());
    this.#tenants = new Series(series, () => ({ sessions: 0, received: 0, sent: 0 }));
  }

  add(session: Session, { cluster, tenant }: { readonly cluster: boolean; readonly tenant: string }): void {
    const role = cluster ? "relay" : "client";
    const { protocol } = session.info;
    const key = `${role} ${protocol}`;
    const entry = this.#totals.get(key) ?? { role, protocol, totals: none() };
    this.#totals.set(key, entry);
    const ofTenant = cluster ? undefined : this.#tenants.take(tenant);
    if (ofTenant !== undefined) ofTenant.sessions++;
    this.#sessions.set(session, { role, totals: entry.totals, tenant, ofTenant, seen: none() });
  }

  /** The session has ended. Its link still has its last figures. */
  delete(session: Session): void {
    const counted = this.#sessions.get(session);
    if (counted === undefined) return;
    this.#sessions.delete(session);
    this.#count(session, counted);
    const { tenant, ofTenant } = counted;
    if (ofTenant === undefined) return;
    ofTenant.sessions--;
    this.#tenants.release(tenant, ofTenant);
  }

  /** Brings the sums up to date. Callers share one reading, and one that is fresh. */
  refresh(): Promise<void> {
    if (this.#clock.now() - this.#readAt < FRESH_MS) return Promise.resolve();
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
      this.#readAt = this.#clock.now();
    });
    return this.#reading;
  }

  readings(): Readings<keyof typeof TRAFFIC_METRICS.metrics> {
    const entries = [...this.#totals.values()];
    const byPeer = (name: keyof Totals) =>
      entries.map(({ role, protocol, totals }): Sample => [{ role, protocol }, totals[name]]);
    const byRole = (name: keyof Totals) => {
      const sums: Record<Role, number> = { client: 0, relay: 0 };
      for (const { role, totals } of entries) sums[role] += totals[name];
      return sums;
    };
    const tenants = [...this.#tenants.entries()];
    const byTenant = (name: keyof TenantTotals) =>
      Object.fromEntries(tenants.map(([tenant, totals]) => [tenant, totals[name]]));
    return {
      received: byPeer("received"),
      sent: byPeer("sent"),
      media: byPeer("media"),
      sentMedia: byPeer("sentMedia"),
      packetsSent: byRole("packetsSent"),
      packetsLost: byRole("packetsLost"),
      rtt: this.#rtt,
      tenantSessions: byTenant("sessions"),
      tenantReceived: byTenant("received"),
      tenantSent: byTenant("sent"),
    };
  }

  async #read(): Promise<void> {
    const now = this.#clock.now();
    const observes = now - this.#rttAt >= RTT_EVERY_MS;
    if (observes) this.#rttAt = now;
    let left = SESSIONS_PER_TURN;
    for (const [session, counted] of [...this.#sessions]) {
      if (left-- === 0) {
        left = SESSIONS_PER_TURN;
        await nextTurn();
      }
      // It may have ended in a turn before.
      if (!this.#sessions.has(session)) continue;
      const rttMs = this.#count(session, counted);
      if (observes && rttMs !== undefined && rttMs > 0) this.#rtt[counted.role].observe(rttMs / 1000);
    }
  }

  /** Adds what is new. Returns the round trip in milliseconds, where the engine knows it. */
  #count(session: Session, { totals, ofTenant, seen }: Counted): number | undefined {
    const { bytesReceived, bytesSent, packetsSent = 0, packetsLost = 0, rttMs } = session.figures();
    const media = session.traffic().ingress;
    const { sentPayload: sentMedia } = session.use();
    const now: Totals = { received: bytesReceived, sent: bytesSent, media, sentMedia, packetsSent, packetsLost };
    for (const name of NAMES) {
      // The figures of a link that has failed may be lower than before; totals never fall.
      const more = Math.max(0, now[name] - seen[name]);
      totals[name] += more;
      seen[name] += more;
      if (ofTenant !== undefined && (name === "received" || name === "sent")) ofTenant[name] += more;
    }
    return rttMs;
  }
}
