import type { Engine, PeerAddress, Trust } from "../moq/link.ts";
import { type Config, memoryLimit } from "./config/index.ts";
import {
  type Check,
  clockCheck,
  EventLoopDelay,
  engineWorkersCheck,
  eventLoopCheck,
  HEALTH_METRICS,
  HealthMonitor,
  HealthThread,
  healthReadings,
  MemoryMeter,
  memoryCheck,
  type Plane,
  selfProbe,
  stallLine,
} from "./health/index.ts";
import { factChecks } from "./health-facts.ts";
import { bindable, bindFailed, type Descriptors, type FileWatch, type ServedCertificate } from "./host/index.ts";
import type { MeshRuntime } from "./mesh/index.ts";
import type { RelayParts } from "./parts.ts";
import type { PressureWatch } from "./pressure-watch.ts";

/** The parts of a running relay that its checks read. */
export interface Watched {
  /** With the live values of the last reload. */
  readonly config: () => Config;
  readonly certificate: ServedCertificate;
  readonly files: FileWatch;
  readonly descriptors: Descriptors;
  readonly mesh: MeshRuntime | undefined;
  readonly pressure: PressureWatch;
  readonly cloud: { readonly ending: string | undefined };
  readonly engine: Engine;
  /** Dials WebSocket sessions at the relay's own port. */
  readonly websocket: Engine;
  /** Of the public port. */
  readonly address: PeerAddress;
}

/** The checks of this relay, and the samplers that other parts of it read as well. */
export class HealthWatch {
  readonly monitor: HealthMonitor;
  readonly memory: MemoryMeter;
  readonly #parts: RelayParts;
  #eventLoop: EventLoopDelay | undefined;
  #thread: HealthThread | undefined;

  /** `memoryBytes`: what the process may use; 0: what the machine or its cgroup has. */
  constructor(parts: RelayParts, memoryBytes: number) {
    this.#parts = parts;
    this.memory = new MemoryMeter(memoryBytes === 0 ? memoryLimit() : memoryBytes);
    this.monitor = new HealthMonitor({ ...parts, clock: parts.upkeep });
    parts.counters.attach(HEALTH_METRICS, () => healthReadings(this.monitor));
  }

  /** The longest delay of the event loop in the last quarter of a second, in milliseconds; 0 before the start. */
  get eventLoopDelayMs(): number {
    return this.#eventLoop?.worstMs ?? 0;
  }

  /**
   * Opens `[http] health_port`, if there is one. With `stacks`, the log says what the main thread does when it is blocked. Rejects with a
   * `TransportError` that names the socket.
   */
  async openThread({ http, health }: Config, stacks: boolean): Promise<void> {
    const { healthHost, healthPort: port } = http;
    if (port === undefined && !stacks) return;
    const host = await bindable(healthHost);
    const silence = { blockedMs: health.eventLoopMs, stuckMs: health.stuckMs };
    const { monitor } = this;
    const { log, warn, upkeep: clock } = this.#parts;
    const stalled = (stall: Parameters<typeof stallLine>[0]) => {
      const { fields, text } = stallLine(stall);
      log.error(fields, text);
    };
    const state = () => ({ ready: monitor.codes.length === 0, live: monitor.live });
    try {
      this.#thread = await HealthThread.open({ host, port, silence, state, warn, clock, ...(stacks && { stalled }) });
    } catch (error) {
      throw port === undefined ? error : bindFailed("the health port's TCP", host, port, error);
    }
  }

  get address(): PeerAddress | undefined {
    return this.#thread?.address;
  }

  /** To be called once the relay accepts sessions. */
  start(watched: Watched): void {
    const eventLoop = new EventLoopDelay(this.#parts.clock, () => watched.config().health.eventLoopMs);
    this.#eventLoop = eventLoop;
    this.monitor.setLife("ready");
    this.monitor.start([
      ...this.#probes(watched),
      ...factChecks({ ...this.#parts, ...watched, port: watched.address.port }),
      ...engineChecks(watched),
      eventLoopCheck(eventLoop, () => watched.config().health.eventLoopMs),
      memoryCheck(this.memory, () => watched.config().health.memory),
      clockCheck(this.#parts),
    ]);
  }

  /** Ends the checks. The port still answers: the relay is not ready. */
  async rest(): Promise<void> {
    this.#eventLoop?.close();
    await this.monitor.close();
  }

  async close(): Promise<void> {
    await Promise.all([this.rest(), this.#thread?.close()]);
  }

  /** Sessions of the relay with itself, one check for each kind that it serves. */
  #probes({ config, certificate, engine, websocket, address }: Watched): Check[] {
    const { health, server } = config();
    if (health.probeIntervalMs === 0) return [];
    const { ownSessions: own, warn, handshakes } = this.#parts;
    const deps = { own, warn, everyMs: health.probeIntervalMs, settings: () => config().health };
    const at = `${reachable(address.address)}:${address.port}`;
    const trust = () => pinned(certificate.fingerprints);
    const planes: Plane[] = [];
    const quicTrust = trustFor(engine.name, certificate);
    if (quicTrust !== undefined) {
      const name = `UDP port ${address.port}`;
      const shed = () => handshakes.limited.quic;
      planes.push({ code: "quic_unreachable", name, url: new URL(`https://${at}/`), engine, trust: quicTrust, shed });
    }
    if (server.websocket) {
      const name = `TCP port ${address.port} (WebSocket)`;
      const shed = () => handshakes.limited.tcp;
      planes.push({
        code: "websocket_unreachable",
        name,
        url: new URL(`wss://${at}/`),
        engine: websocket,
        trust,
        shed,
      });
    }
    const { ownCertificate } = certificate;
    return planes.map((plane) => selfProbe({ ...plane, ...(ownCertificate && { certificate: ownCertificate }) }, deps));
  }
}

function engineChecks({ engine, config }: Watched): Check[] {
  if (engine.pulses === undefined) return [];
  return [engineWorkersCheck(() => engine.pulses?.() ?? [], config().health.stuckMs)];
}

/** The address at which this machine reaches a socket that is bound to `bound`. */
function reachable(bound: string): string {
  if (bound === "::" || bound === "0.0.0.0" || bound === "") return "127.0.0.1";
  return bound.includes(":") ? `[${bound}]` : bound;
}

function pinned(fingerprints: readonly string[]): Trust {
  return { kind: "hashes", sha256: fingerprints.map((hex) => new Uint8Array(Buffer.from(hex, "hex"))) };
}

/**
 * How a session of the relay with itself trusts the QUIC port. The other engines take hashes as browsers do, only of certificates of at most
 * two weeks; undefined where no trust is possible.
 */
function trustFor(engine: string, certificate: ServedCertificate): (() => Trust) | undefined {
  if (engine === "native" || certificate.state.generated) return () => pinned(certificate.fingerprints);
  return engine === "rwebtransport" ? () => ({ kind: "insecure" }) : undefined;
}
