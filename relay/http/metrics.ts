import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Counters } from "../model/counters.ts";
import type { PortStats } from "./port.ts";
import type { RelayView } from "./view.ts";

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

/** The metrics of one relay for Prometheus, read from its view whenever `render` is called. */
export class Metrics {
  readonly #registry = new Registry();

  constructor(view: RelayView) {
    const counters = () => view.counters;
    for (const row of COUNTER_ROWS) this.#counter(row, counters);
    for (const row of GAUGE_ROWS) this.#gauge(row, counters);
    for (const row of HTTP_COUNTER_ROWS) this.#counter(row, () => view.http());
    this.#gauge(["http_connections", "TCP connections on the public port now.", (s: PortStats) => s.connections], () =>
      view.http(),
    );
    this.#gauge(
      ["ready", "1 while the relay takes sessions, else 0.", (v: RelayView) => Number(v.reasons().length === 0)],
      () => view,
    );
    this.#gauge(["uptime_seconds", "Time since the start.", (v: RelayView) => v.uptimeMs() / 1000], () => view);
    this.#gauge(
      [
        "certificate_expiry_timestamp_seconds",
        "End of the certificate, in seconds since 1970.",
        (date: Date) => date.getTime() / 1000,
      ],
      () => view.certificate()?.notAfter,
    );
    this.#labelled(view);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Text of the Prometheus exposition format. */
  async render(): Promise<string> {
    return (await Promise.all([this.#registry.metrics(), processMetrics().metrics()])).join("\n");
  }

  #counter<S>([name, help, read]: Row<S>, source: () => S | undefined): void {
    new Counter({
      name: PREFIX + name,
      help,
      registers: [this.#registry],
      collect() {
        const from = source();
        this.reset();
        if (from !== undefined) this.inc(read(from));
      },
    });
  }

  #gauge<S>([name, help, read]: Row<S>, source: () => S | undefined): void {
    new Gauge({
      name: PREFIX + name,
      help,
      registers: [this.#registry],
      collect() {
        const from = source();
        if (from === undefined) this.reset();
        else this.set(read(from));
      },
    });
  }

  #labelled(view: RelayView): void {
    const registers = [this.#registry];
    new Gauge({
      name: `${PREFIX}build_info`,
      help: "Always 1; the labels tell what runs.",
      labelNames: ["version", "engine"],
      registers,
      collect() {
        this.reset();
        this.set({ version: view.version, engine: view.engine }, 1);
      },
    });
    new Gauge({
      name: `${PREFIX}sessions`,
      help: "Sessions now, by engine and protocol version.",
      labelNames: ["engine", "protocol"],
      registers,
      collect() {
        this.reset();
        for (const { engine, protocol, count } of view.sessions()) this.set({ engine, protocol }, count);
      },
    });
    byLabel(registers, "sessions_closed_total", "Sessions that ended, by reason.", "reason", () =>
      boundedEntries(view.counters.sessionsClosed),
    );
    byLabel(
      registers,
      "groups_dropped_total",
      "Groups that did not reach a subscriber whole, by reason.",
      "reason",
      () => Object.entries(view.counters.groupsDropped),
    );
    byLabel(registers, "bounds_hit_total", "Times that a bound of the relay was reached, by bound.", "bound", () =>
      Object.entries(view.counters.boundsHit),
    );
  }
}

function byLabel(
  registers: Registry[],
  name: string,
  help: string,
  label: string,
  entries: () => Iterable<[string, number]>,
): void {
  new Counter({
    name: PREFIX + name,
    help,
    labelNames: [label],
    registers,
    collect() {
      this.reset();
      for (const [value, count] of entries()) this.inc({ [label]: value }, count);
    },
  });
}

/** The first {@link MAX_REASON_LABELS} entries, and one for all others together. */
function* boundedEntries(counts: ReadonlyMap<string, number>): Generator<[string, number]> {
  let seen = 0;
  let other = 0;
  for (const entry of counts) {
    seen += 1;
    if (seen <= MAX_REASON_LABELS) yield entry;
    else other += entry[1];
  }
  if (other > 0) yield ["other", other];
}
