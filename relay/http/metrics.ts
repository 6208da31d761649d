import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Counters } from "../../moq/counters.ts";
import type { PortStats } from "./port.ts";
import type { AuthView, ClusterView, RelayView } from "./view.ts";

/** Every name starts with it. */
const PREFIX = "moqmesh_";

/** Close reasons that get a label value of their own; what comes later is counted as `other`. */
export const MAX_REASON_LABELS = 48;

type Read<S> = (source: S) => number;
type Row<S> = readonly [name: string, help: string, read: Read<S>];

const COUNTER_ROWS: readonly Row<Counters>[] = [
  ["sessions_opened_total", "Sessions that were established.", (c) => c.sessionsOpened],
  ["received_payload_bytes_total", "Frame payload received from publishers.", (c) => c.bytesIn],
  ["sent_payload_bytes_total", "Frame payload written to subscribers.", (c) => c.bytesOut],
  ["received_frames_total", "Frames received from publishers.", (c) => c.framesIn],
  ["sent_frames_total", "Frames written to subscribers.", (c) => c.framesOut],
  ["received_groups_total", "Groups received from publishers.", (c) => c.groupsIn],
  ["sent_groups_total", "Groups opened towards subscribers.", (c) => c.groupsOut],
  ["received_datagrams_total", "Datagrams received.", (c) => c.datagramsIn],
  ["sent_datagrams_total", "Datagrams sent.", (c) => c.datagramsOut],
  ["subscriptions_opened_total", "Subscriptions that subscribers asked for.", (c) => c.subscriptionsTotal],
  ["subscriptions_refused_total", "Subscriptions that were refused.", (c) => c.subscriptionsRefused],
  ["upstream_subscriptions_total", "Subscriptions made to publishers.", (c) => c.upstreamSubscriptions],
  ["joins_from_cache_total", "Subscribers that got a running group from the cache when they joined.", (c) => c.joins],
  ["cache_evictions_total", "Groups that the cache gave up for its budget.", (c) => c.cacheEvictions],
  ["fetch_hits_total", "Fetches answered from the cache.", (c) => c.fetchHits],
  ["fetch_misses_total", "Fetches that had to ask the publisher.", (c) => c.fetchMisses],
  ["defects_total", "Errors of the relay itself that were contained; the log has them.", (c) => c.defects],
  ["protocol_violations_total", "Sessions ended because the peer broke the protocol.", (c) => c.protocolViolations],
];

const GAUGE_ROWS: readonly Row<Counters>[] = [
  ["broadcasts", "Broadcasts announced now.", (c) => c.broadcastsActive],
  ["tracks", "Tracks subscribed to at their publisher now.", (c) => c.tracksActive],
  ["subscriptions", "Subscriptions of subscribers now.", (c) => c.subscriptionsActive],
  ["cache_bytes", "Bytes that the group cache holds.", (c) => c.cacheBytes],
  ["cache_budget_bytes", "Bytes that the group cache may hold.", (c) => c.cacheBudget],
  ["cache_groups", "Groups that the cache holds.", (c) => c.cacheGroups],
];

const HTTP_COUNTER_ROWS: readonly Row<PortStats>[] = [
  ["http_connections_refused_total", "TCP connections cut at their bound.", (s) => s.refused],
  ["http_connections_timed_out_total", "TCP connections cut because their first byte was late.", (s) => s.timedOut],
  ["http_connections_failed_total", "TCP connections that the system could not hand over.", (s) => s.failed],
];

const HTTP_GAUGE_ROWS: readonly Row<PortStats>[] = [
  ["http_connections", "TCP connections on the public port now.", (s) => s.connections],
];

const AUTH_COUNTER_ROWS: readonly Row<AuthView>[] = [
  [
    "auth_file_failures_total",
    "Times that a file or folder of keys or revocations could not be read or used.",
    (a) => a.fileFailures,
  ],
];

const AUTH_GAUGE_ROWS: readonly Row<AuthView>[] = [
  ["auth_keys", "Keys that tokens are verified with.", (a) => a.keys],
  ["auth_revocations", "Entries that are revoked.", (a) => a.revocations],
];

const CLUSTER_COUNTER_ROWS: readonly Row<ClusterView>[] = [
  ["mesh_failovers_total", "Tracks taken from another relay because theirs was gone.", (c) => c.failovers],
  ["mesh_splices_total", "Tracks that went over to another relay while theirs still ran.", (c) => c.splices],
  ["mesh_groups_resumed_total", "Groups that one relay began and another ended.", (c) => c.groupsResumed],
  ["mesh_groups_lost_total", "Groups that no relay went on with.", (c) => c.groupsLost],
  ["mesh_namesakes_total", "Other relays that were found to have this relay's name.", (c) => c.namesakes],
  ["registry_contested_total", "Names that more than one relay had at once.", (c) => c.registry?.contested ?? 0],
  ["registry_writes_total", "Writes to the shared registry.", (c) => c.registry?.sharing.writes ?? 0],
  ["registry_errors_total", "Calls of the shared registry that failed.", (c) => c.registry?.sharing.errors ?? 0],
  [
    "registry_strange_total",
    "Things read in the shared registry that no root wrote.",
    (c) => c.registry?.sharing.strange ?? 0,
  ],
];

const CLUSTER_GAUGE_ROWS: readonly Row<ClusterView>[] = [
  ["mesh_roots_connected", "Roots that this relay is registered at.", (c) => c.roots.connected],
  ["mesh_nodes", "Other relays that are known.", (c) => c.nodes],
  ["mesh_links", "Links to other relays for media.", (c) => c.upstreams.length],
  ["mesh_remote_broadcasts", "Broadcasts had from other relays.", (c) => c.broadcasts.remote],
  ["mesh_registered_broadcasts", "Broadcasts that are registered as published here.", (c) => c.broadcasts.registered],
  ["mesh_scopes", "Prefixes and paths asked for at a root.", (c) => c.scopes],
  ["mesh_tier_relays", "Relays that are asked because no root can be.", (c) => c.tiers.relays],
  ["mesh_tier_asks", "Prefixes that they are asked for, together.", (c) => c.tiers.asks],
  ["registry_nodes", "Relays that this root knows.", (c) => c.registry?.counts.nodes ?? 0],
  [
    "registry_holdings",
    "Broadcasts that this root knows, once for each relay that has it.",
    (c) => c.registry?.counts.holdings ?? 0,
  ],
];

const REGISTRY_GAUGE_ROWS: readonly Row<ClusterView>[] = [
  [
    "registry_backend_up",
    "1 while what keeps the registry can be reached, else 0; memory always can.",
    (c) => Number(c.registry?.backend.up ?? false),
  ],
  [
    "registry_reconcile_seconds",
    "Time that the last comparison with the shared registry took.",
    (c) => (c.registry?.sharing.reconcileMs ?? 0) / 1000,
  ],
];

const VIEW_COUNTER_ROWS: readonly Row<RelayView>[] = [
  ["log_lines_lost_total", "Lines of the log that could not be written.", (v) => v.logLinesLost()],
];

const VIEW_GAUGE_ROWS: readonly Row<RelayView>[] = [
  ["ready", "1 while the relay takes sessions, else 0.", (v) => Number(v.reasons().length === 0)],
  ["uptime_seconds", "Time since the start.", (v) => v.uptimeMs() / 1000],
  [
    "certificate_expiry_timestamp_seconds",
    "End of the certificate, in seconds since 1970; 0 before it is loaded.",
    (v) => (v.certificate()?.notAfter.getTime() ?? 0) / 1000,
  ],
];

let processRegistry: Registry | undefined;

/** Metrics of the process: made once, because their observers cannot be taken down again. */
function processMetrics(): Registry {
  if (processRegistry === undefined) {
    processRegistry = new Registry();
    collectDefaultMetrics({ register: processRegistry, prefix: PREFIX });
  }
  return processRegistry;
}

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** A metric with what it shows now. */
interface Shown {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
  readonly samples: () => Iterable<Sample>;
}

/** The metrics of one relay for Prometheus, read from its view whenever `render` is called. */
export class Metrics {
  readonly #registry = new Registry();

  constructor(view: RelayView) {
    const counters = () => view.counters;
    const http = () => view.http();
    for (const row of COUNTER_ROWS) this.#counter(plain(row, counters));
    for (const row of GAUGE_ROWS) this.#gauge(plain(row, counters));
    for (const row of HTTP_COUNTER_ROWS) this.#counter(plain(row, http));
    for (const row of HTTP_GAUGE_ROWS) this.#gauge(plain(row, http));
    const auth = () => view.auth();
    for (const row of AUTH_COUNTER_ROWS) this.#counter(plain(row, auth));
    for (const row of AUTH_GAUGE_ROWS) this.#gauge(plain(row, auth));
    const cluster = () => view.cluster();
    for (const row of CLUSTER_COUNTER_ROWS) this.#counter(plain(row, cluster));
    for (const row of REGISTRY_GAUGE_ROWS) this.#gauge(plain(row, cluster));
    for (const row of CLUSTER_GAUGE_ROWS) this.#gauge(plain(row, cluster));
    for (const row of VIEW_COUNTER_ROWS) this.#counter(plain(row, () => view));
    for (const row of VIEW_GAUGE_ROWS) this.#gauge(plain(row, () => view));
    this.#addLabelled(view);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Text of the Prometheus exposition format. */
  async render(): Promise<string> {
    return (await Promise.all([this.#registry.metrics(), processMetrics().metrics()])).join("\n");
  }

  #addLabelled(view: RelayView): void {
    this.#gauge({
      name: "build_info",
      help: "Always 1; the labels tell what runs.",
      labelNames: ["version", "engine"],
      samples: () => [[{ version: view.version, engine: view.engine }, 1]],
    });
    this.#gauge({
      name: "sessions",
      help: "Sessions now, by engine and protocol version.",
      labelNames: ["engine", "protocol"],
      samples: () => view.sessions().map(({ engine, protocol, count }) => [{ engine, protocol }, count]),
    });
    this.#counter({
      name: "sessions_closed_total",
      help: "Sessions that ended, by reason.",
      labelNames: ["reason"],
      samples: () => boundedEntries(view.counters.sessionsClosed).map(([reason, count]) => [{ reason }, count]),
    });
    this.#counter({
      name: "sessions_refused_total",
      help: "Clients that were not let in, by the refusal's code.",
      labelNames: ["code"],
      samples: () => boundedEntries(view.counters.sessionsRefused).map(([code, count]) => [{ code }, count]),
    });
    this.#counter({
      name: "groups_dropped_total",
      help: "Groups that did not reach a subscriber whole, by reason.",
      labelNames: ["reason"],
      samples: () => Object.entries(view.counters.groupsDropped).map(([reason, count]) => [{ reason }, count]),
    });
    this.#counter({
      name: "bounds_hit_total",
      help: "Times that a bound of the relay was reached, by bound.",
      labelNames: ["bound"],
      samples: () => Object.entries(view.counters.boundsHit).map(([bound, count]) => [{ bound }, count]),
    });
  }

  #counter(shown: Shown): void {
    const counter = new Counter({
      ...headOf(shown),
      collect() {
        this.reset();
        for (const [labels, value] of shown.samples()) this.inc(labels, value);
      },
    });
    this.#registry.registerMetric(counter);
  }

  #gauge(shown: Shown): void {
    const gauge = new Gauge({
      ...headOf(shown),
      collect() {
        this.reset();
        for (const [labels, value] of shown.samples()) this.set(labels, value);
      },
    });
    this.#registry.registerMetric(gauge);
  }
}

function headOf({ name, help, labelNames = [] }: Shown) {
  return { name: PREFIX + name, help, labelNames: [...labelNames], registers: [] };
}

/** A metric without labels; it shows 0 while there is no source. */
function plain<S>([name, help, read]: Row<S>, source: () => S | undefined): Shown {
  return {
    name,
    help,
    samples: () => {
      const from = source();
      return from === undefined ? [] : [[{}, read(from)]];
    },
  };
}

/** The first {@link MAX_REASON_LABELS} entries, and one for all others together. */
function boundedEntries(counts: ReadonlyMap<string, number>): [string, number][] {
  const entries = [...counts];
  const others = entries.splice(MAX_REASON_LABELS);
  if (others.length > 0) entries.push(["other", others.reduce((sum, [, count]) => sum + count, 0)]);
  return entries;
}
