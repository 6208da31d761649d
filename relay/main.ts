/**
 * Puts a relay together from its parts, most of them in `relay/host/`: configuration, certificate, engine, sockets, model,
 * sessions, admin endpoints. Takes it down again.
 */
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { Places } from "../auth/index.ts";
import type { Resolver } from "../cluster/index.ts";
import type { Clock } from "../moq/clock.ts";
import { Counters } from "../moq/counters.ts";
import type { Engine, EngineDeps, PeerAddress } from "../moq/link.ts";
import { Broadcasts } from "../moq/model/index.ts";
import { ChannelRegistry, MESH_PROTOCOLS, protocols } from "../moq/session/index.ts";
import { createQmux } from "../transport/qmux/index.ts";
import { systemClock } from "../transport/shared/index.ts";
import { CertificateManager, type CertificateState } from "../transport/tls/index.ts";
import { type Config, exposures, idleRole, withLiveValues } from "./config/index.ts";
import {
  AUTH_METRICS,
  AuthGate,
  bindFailed,
  CLOSE_SHUTDOWN,
  certificateOptions,
  clientSessionPolicy,
  Defects,
  Descriptors,
  drainSessions,
  FileWatch,
  judge,
  type Listeners,
  type ListenersOptions,
  linkLimits,
  openEngine,
  openListeners,
  Readiness,
  RevokeRoute,
  SessionHost,
  Steps,
  waitUntil,
  watchedFiles,
} from "./host/index.ts";
import { AdminServer, type Page, PORT_METRICS, type RelayState, type RelayView, readPage } from "./http/index.ts";
import { LOG_METRICS, type Logger, type LogOutput, openLog } from "./log/index.ts";
import { dnsResolver, MeshRuntime } from "./mesh/index.ts";
import { METRICS } from "./metrics.ts";
import { VERSION } from "./version.ts";

export { preflight } from "./preflight.ts";

/** Milliseconds that peers get to hear of a close before the sockets go. */
const FAREWELL_MS = 500;

/** Longest delay of a Node timer, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** TCP connections that are not (yet) WebSocket sessions: pages being loaded, fingerprints being asked for. */
const MAX_HTTP_CONNECTIONS = 1_024;

/** Connections to the admin listener: probes, a scraper, and an operator. */
const MAX_ADMIN_CONNECTIONS = 64;

/** From `relay/` in a checkout and from `dist/` in a package alike. */
const PAGE_FOLDER = fileURLToPath(new URL("../web/dist/", import.meta.url));

/** What a start may be given besides its configuration; everything has a default. */
export interface StartOptions {
  readonly log?: Logger;
  /** Where `log` goes. */
  readonly logOutput?: Pick<LogOutput, "dropped">;
  readonly clock?: Clock;
  /** Milliseconds since 1970, for the certificate's life. */
  readonly wallNow?: () => number;
  /** Used instead of the configured one. */
  readonly engine?: Engine;
  /** Folder of the demo page. */
  readonly pageFolder?: string;
  /** Where the names in `cluster.dns` are resolved; the system's name servers unless told. */
  readonly resolver?: Resolver;
  /** Ends the start: {@link start} rejects with `StartEnded` then. */
  readonly end?: AbortSignal;
}

/** A relay that runs. */
export interface Relay extends RelayView {
  /** UDP and TCP. */
  readonly address: PeerAddress;
  /** Nothing when there is no admin listener. */
  readonly adminAddress: PeerAddress | undefined;
  /** The demo page is served. */
  readonly hasPage: boolean;
  /** Of the certificate, in lower-case hex, where clients have to be told it because it is self-signed. */
  readonly fingerprint: string | undefined;
  /** Takes in an error that reached the process itself: it is counted and logged. */
  contain(error: unknown): void;
  /** Reads the files of certificates and authorities again, resolves with what has changed. Rejects when they cannot be read in time. */
  reloadFiles(): Promise<string[]>;
  /** Applies the live values of `config` to new sessions. */
  reconfigure(config: Config): void;
  /**
   * Ends in good order: not ready, no new sessions, GOAWAY, `drain.grace`, the rest closed over `drain.spread`, then
   * everything freed. Resolves when it is done. Later calls join the first.
   */
  drain(reason: string): Promise<void>;
  /** Ends at once, also in the middle of a drain: sessions are closed with a code, then everything is freed. */
  close(reason?: string): Promise<void>;
  /** Resolves when the relay has ended, however it came. */
  readonly ended: Promise<void>;
}

/**
 * Starts a relay and resolves when it takes sessions. Rejects with what made it impossible: a `TransportError` of the
 * certificate, the engine or a socket. Nothing is left open then.
 */
export async function start(config: Config, options: StartOptions = {}): Promise<Relay> {
  const relay = new RelayProcess(config, options);
  try {
    await relay.start();
  } catch (error) {
    await relay.close("the start failed");
    throw error;
  }
  return relay;
}

class RelayProcess implements Relay {
  readonly version = VERSION;
  readonly counters = new Counters();
  /** As it started, with the live values of the last reload. */
  #config: Config;
  readonly #options: StartOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #defects: Defects;
  readonly #broadcasts: Broadcasts;
  readonly #host: SessionHost;
  readonly #gate: AuthGate;
  readonly #wallNow: () => number;
  readonly #startedAt: number;
  readonly #channels = new ChannelRegistry();
  /** This relay in the hops of announcements: random per start, 53 bits so that it fits every peer's number type. */
  readonly #hop = (randomBytes(8).readBigUInt64BE() & ((1n << 53n) - 1n)) | 1n;
  readonly #ended = Promise.withResolvers<void>();
  /** Keeps the process alive for as long as the relay runs; engines and timers need not. */
  readonly #hold = setInterval(() => {}, LONGEST_TIMER_MS);
  #state: RelayState = "starting";
  #mesh: MeshRuntime | undefined;
  #engine: Engine | undefined;
  #certificates: CertificateManager | undefined;
  #readiness: Readiness | undefined;
  #descriptors: Descriptors | undefined;
  readonly #files: FileWatch;
  /** The certificate that QUIC connections get: not always the manager's newest, because some engines cannot swap it. */
  #served: CertificateState | undefined;
  #listeners: Listeners | undefined;
  #admin: AdminServer | undefined;
  #page: Page | undefined;
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(config: Config, options: StartOptions) {
    this.#config = config;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { log, output } =
      options.log === undefined ? openLog(config.log) : { log: options.log, output: options.logOutput };
    this.#log = log;
    this.counters.declare(METRICS);
    this.counters.attach(LOG_METRICS, () => output);
    this.counters.attach(AUTH_METRICS, () => this.#gate.metrics);
    this.counters.attach(PORT_METRICS, () => this.#listeners?.httpStats());
    this.#defects = new Defects({ log: this.#log, clock: this.#clock, counters: this.counters });
    this.#wallNow = options.wallNow ?? Date.now;
    this.#startedAt = this.#clock.now();
    const watched = watchedFiles(config, {
      certificates: async () => (await this.#certificates?.reload()) ?? false,
      trust: async () => (await this.#mesh?.reloadTrust()) ?? false,
    });
    this.#files = new FileWatch(watched, { clock: this.#clock, warn: this.#warn });
    this.#broadcasts = new Broadcasts({
      clock: this.#clock,
      limits: config.limits,
      cache: config.cache,
      counters: this.counters,
    });
    this.#gate = new AuthGate({
      config: config.auth,
      clock: this.#clock,
      wallNow: this.#wallNow,
      warn: (message, error) => this.#warn(message, error),
      changed: () => this.#host.recheck(),
    });
    this.#host = new SessionHost({
      gate: this.#gate,
      channels: this.#channels,
      hop: this.#hop,
      terms: (info, admission) => this.#mesh?.sessionPolicy(info, admission) ?? clientSessionPolicy(admission),
      wallNow: this.#wallNow,
      expiryNoticeMs: config.auth.expiryNoticeMs,
      broadcasts: this.#broadcasts,
      clock: this.#clock,
      log: this.#log,
      defects: this.#defects,
      limits: config.limits,
      maxSessions: config.limits.sessions,
      handshakeTimeoutMs: config.limits.handshakeTimeoutMs,
    });
  }

  get engine(): string {
    return this.#engine?.name ?? "";
  }

  get address(): PeerAddress {
    if (this.#listeners === undefined) throw new Error("the relay does not listen");
    return this.#listeners.address;
  }

  get adminAddress(): PeerAddress | undefined {
    const admin = this.#admin?.address;
    return admin && { address: admin.address, port: admin.port };
  }

  get hasPage(): boolean {
    return this.#page !== undefined;
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  state(): RelayState {
    return this.#state;
  }

  reasons(): string[] {
    if (this.#state !== "ready") return [this.#state];
    const end = this.#served?.notAfter.getTime() ?? 0;
    return [
      ...(this.#wallNow() > end ? ["certificate_expired"] : []),
      ...(this.#descriptors?.exhausted === true ? ["file_descriptors"] : []),
      ...this.#gate.reasons(),
      ...(this.#mesh?.reasons() ?? []),
    ];
  }

  sessions() {
    return this.#host.counts();
  }

  uptimeMs(): number {
    return this.#clock.now() - this.#startedAt;
  }

  get fingerprint(): string | undefined {
    const state = this.certificate();
    return state?.selfSigned ? state.fingerprint : undefined;
  }

  certificate(): CertificateState | undefined {
    return this.#served;
  }

  cluster() {
    return this.#mesh?.view();
  }

  /** Called once, by {@link start}. */
  async start(): Promise<void> {
    const { server, http } = this.#config;
    const steps = new Steps(this.#clock, this.#options.end);
    // First, so that probes see a relay that starts. Where both ports are taken, the public one is what to name.
    const adminFailure = http.admin ? await this.#openAdmin().catch((error: unknown) => ({ error })) : undefined;
    await steps.run("what tokens are checked with", () => this.#gate.open());
    for (const warning of [...exposures(this.#config), idleRole(this.#config)]) {
      if (warning !== undefined) this.#warn(warning);
    }
    await steps.run("the state of the files", () => this.#files.open());
    const certificates = await steps.run("the certificate", () => this.#openCertificates());
    this.#certificates = certificates;
    this.#served = certificates.current;
    const deps: EngineDeps = { clock: this.#clock, warn: this.#warn };
    const engine = this.#options.engine ?? (await steps.run("the engine", () => openEngine(this.#config, deps)));
    this.#engine = engine;
    const qmux = createQmux(deps);
    this.#mesh = await steps.run("what [cluster] names", () => this.#openMesh(engine, qmux));
    if (http.enabled && http.page) this.#page = await steps.run("the demo page", () => this.#readPage());
    const { certificate } = this.#served;
    this.#listeners = await steps.run("the public port", () =>
      openListeners({
        host: server.host,
        port: server.port,
        engine,
        protocols: this.#protocols(),
        limits: linkLimits(this.#config),
        certificate,
        onRequest: (request) => this.#host.accept(request),
        ...(server.websocket && { qmux }),
        ...((http.enabled || server.websocket) && { http: this.#publicHttp() }),
      }),
    );
    if (adminFailure !== undefined) throw adminFailure.error;
    certificates.onChange((state) => this.#swap(state));
    // It may have been replaced while the sockets were opened.
    if (certificates.current !== this.#served) this.#swap(certificates.current);
    this.#files.start();
    this.#descriptors = new Descriptors({ clock: this.#clock, log: this.#log, counters: this.counters });
    this.#state = "ready";
    this.#mesh?.start();
    const { address, port } = this.address;
    const admin = this.adminAddress?.port;
    const facts = { address, port, admin, engine: engine.name, version: VERSION, ...this.#mesh?.place };
    this.#readiness = new Readiness({ clock: this.#clock, log: this.#log, reasons: () => this.reasons(), facts });
  }

  reloadFiles(): Promise<string[]> {
    return this.#files.reload();
  }

  contain(error: unknown): void {
    this.#defects.report("outside of any session", error);
  }

  reconfigure(config: Config): void {
    this.#config = withLiveValues(this.#config, config);
    const { limits, cluster } = this.#config;
    this.#host.reconfigure({ limits, maxSessions: limits.sessions, handshakeTimeoutMs: limits.handshakeTimeoutMs });
    this.#mesh?.reconfigure(cluster);
  }

  drain(reason: string): Promise<void> {
    this.#draining ??= this.#drain(reason);
    return this.#draining;
  }

  close(reason = "closed"): Promise<void> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  async #drain(reason: string): Promise<void> {
    try {
      if (this.#closing === undefined) await this.#letLeave(reason);
    } catch (error) {
      // A defect takes the sessions their time to leave, and not the relay its end.
      this.#defects.report("while sessions were to leave", error);
    }
    await this.close(reason);
  }

  async #letLeave(reason: string): Promise<void> {
    const { graceMs, spreadMs } = this.#config.drain;
    this.#state = "draining";
    this.#log.info({ reason, sessions: this.#host.sessions, graceMs }, "relay draining");
    // First nobody comes here any more, then those who are here leave.
    this.#mesh?.drain();
    const uri = this.#mesh?.refuge() ?? "";
    this.#listeners?.stopAccepting();
    const hurry = () => this.#closing !== undefined;
    await drainSessions(this.#host, { clock: this.#clock, graceMs, spreadMs, reason, hurry, uri });
  }

  async #close(reason: string): Promise<void> {
    const began = this.#state !== "starting";
    this.#state = "closed";
    this.#readiness?.close();
    this.#descriptors?.close();
    this.#files.close();
    this.#host.stopAccepting();
    this.#mesh?.close();
    this.#host.closeAll(CLOSE_SHUTDOWN, reason);
    await waitUntil(this.#clock, FAREWELL_MS, () => this.#host.sessions === 0);
    this.#host.close();
    this.#gate.close();
    this.#broadcasts.close("closed");
    this.#certificates?.close();
    const ends = await Promise.allSettled([this.#listeners?.close(), this.#admin?.close()]);
    for (const end of ends) {
      if (end.status === "rejected") this.#warn("a listener did not close", end.reason);
    }
    clearInterval(this.#hold);
    if (began) this.#log.info({ reason }, "relay closed");
    this.#ended.resolve();
  }

  readonly #warn = (message: string, err?: unknown): void => {
    this.#log.warn(err === undefined ? {} : { err }, message);
  };

  async #openAdmin(): Promise<undefined> {
    const { adminHost: host, adminPort: port, adminTokenFile: secretFile } = this.#config.http;
    const revocation = await RevokeRoute.open({ gate: this.#gate, secretFile, warn: this.#warn });
    try {
      this.#admin = await AdminServer.listen({
        host,
        port,
        view: this,
        places: new Places(MAX_ADMIN_CONNECTIONS),
        warn: this.#warn,
        failed: (error) => this.#defects.report("in a request at the admin listener", error),
        revocation,
      });
    } catch (error) {
      throw bindFailed("the admin listener's TCP", host, port, error);
    }
  }

  /** A relay of a mesh also speaks the mesh's own wire; only sessions with a cluster token may use it. */
  #protocols(): string[] {
    const offered = protocols(this.#config.server.experimental);
    return this.#mesh === undefined ? offered : [...offered, ...MESH_PROTOCOLS];
  }

  #openMesh(quic: Engine, websocket: Engine): Promise<MeshRuntime | undefined> {
    return MeshRuntime.open({
      config: this.#config.cluster,
      broadcasts: this.#broadcasts,
      clock: this.#clock,
      wallNow: this.#wallNow,
      channels: this.#channels,
      hop: this.#hop,
      limits: this.#config.limits,
      log: this.#log,
      defects: this.#defects,
      quic,
      websocket,
      resolver: this.#options.resolver ?? dnsResolver(),
    });
  }

  #publicHttp(): NonNullable<ListenersOptions["http"]> {
    const { http, limits } = this.#config;
    return {
      fingerprint: () => (http.enabled ? this.fingerprint : undefined),
      failed: (error) => this.#defects.report("in a request at the public port", error),
      ...(http.enabled && { access: (question) => judge(this.#host, this.#defects, question) }),
      places: new Places(MAX_HTTP_CONNECTIONS),
      headerTimeoutMs: limits.handshakeTimeoutMs,
      ...(this.#page && { page: this.#page }),
    };
  }

  #openCertificates(): Promise<CertificateManager> {
    const options = certificateOptions(this.#config, this.#wallNow);
    return CertificateManager.open(options, { clock: this.#clock, warn: this.#warn });
  }

  async #readPage(): Promise<Page | undefined> {
    const folder = this.#options.pageFolder ?? PAGE_FOLDER;
    try {
      return await readPage(folder);
    } catch (error) {
      this.#warn("the demo page is not served; `npm run build` makes it", error);
      return undefined;
    }
  }

  #swap(state: CertificateState): void {
    const { fingerprint, notAfter } = state;
    if (this.#listeners?.setCertificate(state.certificate, state.selfSigned)) {
      this.#served = state;
      this.#log.info({ fingerprint, notAfter }, "new certificate");
      return;
    }
    const end = this.#served?.notAfter.toISOString();
    this.#warn(
      `there is a new certificate, but the engine ${this.engine} takes it only at a restart: restart before ${end}`,
    );
  }
}
