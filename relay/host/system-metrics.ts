import { X509Certificate } from "node:crypto";
import { availableParallelism } from "node:os";
import { performance } from "node:perf_hooks";
import type { Engine } from "../../moq/link.ts";
import { counter, gauge, type MetricSources, metricGroup, type Sample } from "../../moq/metrics.ts";
import type { CertificateState } from "../../transport/tls/index.ts";
import { type Config, configuredBounds, memoryLimit } from "../config/index.ts";
import { udpDrops } from "../health/index.ts";

const BY_WORKER = { worker: "Number of the thread, from 0." };

/** The name of the certificate that clients without a matching server name get. */
const DEFAULT_NAME = "default";

export const SYSTEM_METRICS = metricGroup("Machine, engine and configuration", {
  node: gauge(
    "node_info",
    "Always 1. The labels say which relay of a mesh this is; they are empty outside of a mesh.",
    {
      node: "The name.",
      role: "The role.",
      region: "The region.",
    },
  ),
  memory: gauge(
    "memory_limit_bytes",
    "Bytes that the process may use: the limit of its cgroup, or the machine's memory.",
  ),
  cpus: gauge("cpus", "CPUs that the process may use."),
  eventLoopBusy: counter(
    "event_loop_busy_seconds_total",
    "Seconds in which the thread of JavaScript did not wait for work. Its rate is the busy share.",
  ),
  udpDrops: counter(
    "udp_receive_drops_total",
    "UDP packets that the system dropped because the relay did not read its port in time. Only on Linux.",
  ),
  certificate: gauge(
    "certificate_left_seconds",
    "Seconds until a certificate expires, by the server name that it is for.",
    { name: `The name in \`[tls]\`; \`${DEFAULT_NAME}\` for all other clients.` },
  ),
  limit: gauge("limit", "The configured bounds: seconds for durations, bytes for sizes, else a number.", {
    limit: "The key, such as `limits.sessions`; [config.md](config.md) describes each.",
  }),
  handshakes: counter(
    "engine_handshakes_total",
    "QUIC handshakes of clients, by how they ended. After a completed one the relay decides on the client.",
    { result: ["completed", "failed", "retried", "refused"] },
  ),
  links: gauge("engine_worker_links", "Links that a thread of the engine runs now.", BY_WORKER),
  busy: counter(
    "engine_worker_busy_seconds_total",
    "Seconds in which a thread of the engine did not wait for work. Its rate is the busy share.",
    BY_WORKER,
  ),
  queued: gauge("engine_worker_queue", "Commands and streams that wait for a thread of the engine.", BY_WORKER),
  silent: gauge(
    "engine_worker_silent_seconds",
    "Seconds for which a thread of the engine owes a sign of life; 0 while it answers.",
    BY_WORKER,
  ),
});

export interface SystemDeps {
  readonly config: () => Config;
  readonly engine: Engine;
  /** Of the UDP socket. */
  readonly port: number;
  readonly certificate: () => CertificateState;
  readonly wallNow: () => number;
}

/** Shows the machine, the engine and the configuration in the metrics. */
export function attachSystem(sources: MetricSources, { config, engine, port, certificate, wallNow }: SystemDeps): void {
  const ends = new CertificateEnds();
  const limit = config().limits.memory || memoryLimit();
  let drops = 0;
  sources.beforeScrape(async () => {
    drops = await udpDrops(port);
  });
  sources.attach(SYSTEM_METRICS, () => {
    const { node = "", role, region } = config().cluster;
    const pulses = engine.pulses?.() ?? [];
    const byWorker = (read: (pulse: (typeof pulses)[number]) => number) =>
      pulses.map((pulse, index): Sample => [{ worker: String(index) }, read(pulse)]);
    return {
      node: [[{ node, role: node === "" ? "" : role, region: node === "" ? "" : region }, 1]],
      memory: limit,
      cpus: availableParallelism(),
      eventLoopBusy: performance.eventLoopUtilization().active / 1000,
      udpDrops: drops,
      certificate: ends.of(certificate()).map(([name, end]): Sample => [{ name }, (end - wallNow()) / 1000]),
      limit: Object.fromEntries(configuredBounds(config())),
      handshakes: { ...(engine.handshakes?.() ?? { completed: 0, failed: 0, retried: 0, refused: 0 }) },
      links: byWorker(({ links }) => links),
      busy: byWorker(({ busySeconds }) => busySeconds),
      queued: byWorker(({ queued }) => queued),
      silent: byWorker(({ silentMs }) => silentMs / 1000),
    };
  });
}

/** When each certificate expires. Certificates are parsed once for each state. */
class CertificateEnds {
  #state: CertificateState | undefined;
  #ends: (readonly [name: string, end: number])[] = [];

  of(state: CertificateState): readonly (readonly [name: string, end: number])[] {
    if (state === this.#state) return this.#ends;
    const { names = new Map<string, { cert: string }>() } = state.certificate;
    const further = [...names].map(
      ([name, { cert }]) => [name, new X509Certificate(cert).validToDate.getTime()] as const,
    );
    this.#state = state;
    this.#ends = [[DEFAULT_NAME, state.notAfter.getTime()], ...further];
    return this.#ends;
  }
}
