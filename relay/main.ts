import type { CloudNotices, Hooks } from "../machine/index.ts";
import type { Counters } from "../moq/counters.ts";
import { type Engine, type PeerAddress, TransportError } from "../moq/link.ts";
import { MESH_PROTOCOLS, protocols } from "../moq/session/index.ts";
import { createQmux } from "../transport/qmux/index.ts";
import type { CertificateState } from "../transport/tls/index.ts";
import type { OpenedAdmin } from "./admin/index.ts";
import { type Config, exposures, idleRole } from "./config/index.ts";
import { Departure } from "./departure.ts";
import { HealthWatch } from "./health-watch.ts";
import {
  attachSystem,
  certificateFault,
  FILE_METRICS,
  FileWatch,
  openEngine,
  Ports,
  type PortsDeps,
  preambleOf,
  Readiness,
  ResetKeyFile,
  readDemoPage,
  ServedCertificate,
  Steps,
  type WebSocketSessions,
  waitUntil,
  watchedFiles,
} from "./host/index.ts";
import { type Page, PORT_METRICS, type RelayState } from "./http/index.ts";
import { openCloudNotices, openHooks } from "./machine.ts";
import { dnsResolver, MeshRuntime } from "./mesh/index.ts";
import { DASHBOARD_FOLDER, PAGE_FOLDER } from "./pages.ts";
import { makeParts, type RelayParts } from "./parts.ts";
import { PressureWatch } from "./pressure-watch.ts";
import type { Relay, StartOptions } from "./relay.ts";
import { fixedSource, type Reloader } from "./reload/index.ts";
import { openReloader } from "./reloading.ts";
import { warnOfReadableSecrets } from "./secret-files.ts";
import { VERSION } from "./version.ts";

export { examine, sysctlFile } from "./doctor/index.ts";
export { inspect, preflight } from "./preflight/index.ts";
export { releaseStartMemory } from "./pressure-watch.ts";
export type { Relay, StartOptions } from "./relay.ts";
export { type Supervision, supervise } from "./supervise.ts";

/** Longest wait in milliseconds until peers have learned of a close, before the sockets close. */
const FAREWELL_MS = 500;

/** Longest delay of a Node timer, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Starts a relay and resolves when it accepts sessions. Rejects with the reason why it cannot start: a `TransportError` of the certificate,
 * the engine or a socket. Everything that was opened is closed by then.
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
  /** As it started, with the live values of the last reload. */
  #config: Config;
  readonly #options: StartOptions;
  readonly #parts: RelayParts;
  readonly #files: FileWatch;
  readonly settings: Reloader;
  readonly #health: HealthWatch;
  readonly #startedAt: number;
  readonly #ports = new Ports();
  readonly #hooks: Hooks;
  readonly #departure: Departure;
  readonly #cloud: CloudNotices;
  readonly #ended = Promise.withResolvers<void>();
  /** Keeps the process alive while the relay runs; engines and timers may not. */
  readonly #hold = setInterval(() => {}, LONGEST_TIMER_MS);
  #state: RelayState = "starting";
  #mesh: MeshRuntime | undefined;
  #pressure: PressureWatch | undefined;
  #engine: Engine | undefined;
  #resetKey: ResetKeyFile | undefined;
  #certificate: ServedCertificate | undefined;
  #readiness: Readiness | undefined;
  #admin: OpenedAdmin | undefined;
  #page: Page | undefined;
  #closing: Promise<void> | undefined;

  constructor(config: Config, options: StartOptions) {
    this.#config = config;
    this.#options = options;
    this.#parts = makeParts(config, options, { mesh: () => this.#mesh, pressure: () => this.#pressure });
    const { clock, upkeep, warn, counters } = this.#parts;
    this.#startedAt = clock.now();
    this.#files = new FileWatch(this.#watchedFiles(), { clock: upkeep, warn });
    this.settings = openReloader(this.#parts, {
      source: options.source ?? fixedSource(config),
      mesh: () => this.#mesh,
      files: this.#files,
      certificate: () => this.#certificate,
      admin: () => this.#admin,
      used: (next) => {
        this.#config = next;
        this.#files.follow(this.#watchedFiles());
        this.#health.monitor.reconsider();
      },
    });
    counters.attach(FILE_METRICS, () => this.#files.readings);
    this.#health = new HealthWatch(this.#parts, config.limits.memory);
    counters.attach(PORT_METRICS, () => this.#ports.httpStats());
    this.#hooks = openHooks(config, this.#parts);
    this.#departure = new Departure({
      ...this.#parts,
      config: () => this.#config,
      ports: this.#ports,
      hooks: this.#hooks,
      mesh: () => this.#mesh,
      state: () => this.#state,
      enter: (state) => this.#enter(state),
      announced: async () => await this.#readiness?.announce(),
      closing: () => this.#closing !== undefined,
    });
    this.#cloud = openCloudNotices(config, this.#parts, this.#departure);
  }

  get counters(): Counters {
    return this.#parts.counters;
  }

  get logLevels() {
    return this.#parts.levels;
  }

  get engine(): string {
    return this.#engine?.name ?? "";
  }

  get address(): PeerAddress {
    return this.#ports.address;
  }

  get adminAddress(): PeerAddress | undefined {
    const admin = this.#admin?.server.address;
    return admin && { address: admin.address, port: admin.port };
  }

  get healthAddress(): PeerAddress | undefined {
    return this.#health.address;
  }

  get clusterAddress(): PeerAddress | undefined {
    return this.#ports.clusterAddress;
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

  reasons(): readonly string[] {
    return this.#health.monitor.codes;
  }

  health() {
    return this.#health.monitor.report();
  }

  sessions() {
    return this.#parts.host.counts();
  }

  uptimeMs(): number {
    return this.#parts.clock.now() - this.#startedAt;
  }

  get fingerprint(): string | undefined {
    const state = this.certificate();
    return state?.selfSigned ? state.fingerprint : undefined;
  }

  certificate(): CertificateState | undefined {
    return this.#certificate?.state;
  }

  cluster() {
    return this.#mesh?.view();
  }

  /** Called once, by {@link start}. Each step may need what the steps before it have made. */
  async start(): Promise<void> {
    const { http } = this.#config;
    const steps = new Steps(this.#parts.clock, this.#options.end);
    // The admin listener opens first, so that probes see a relay that starts; one with TLS waits for the certificate. It may fail until the
    // public port has been tried: where both ports are taken, the error names the public one.
    const openAdmin = () => this.#openAdmin().catch((error: unknown) => ({ error }));
    let adminFailure = http.admin && !http.adminTls ? await openAdmin() : undefined;
    await steps.run("the health port", () => this.#health.openThread(this.#config, this.#options.stacks ?? false));
    // Keys come before the public port: the relay must be able to check the token of the first client.
    await steps.run("what tokens are checked with", () => this.#parts.gate.open());
    await steps.run("the secret of [webhooks]", () => this.#parts.webhooks.configure(this.#config.webhooks));
    for (const warning of [...exposures(this.#config), idleRole(this.#config)]) {
      if (warning !== undefined) this.#parts.warn(warning);
    }
    const loaded = this.#options.source?.loaded ?? { config: this.#config, origins: new Map() };
    await steps.run("the permissions of secrets", () => warnOfReadableSecrets(loaded, this.#parts.log));
    // The watch notes the state of the files before the next steps read them, so that it misses no change.
    await steps.run("the state of the files", () => this.#files.open());
    const certificate = await steps.run("the certificate", () => this.#openCertificate());
    if (http.admin && http.adminTls) adminFailure = await openAdmin();
    const load = () => openEngine(this.#config, this.#parts);
    const engine = this.#options.engine ?? (await steps.run("the engine", load));
    this.#engine = engine;
    this.#parts.handshakes.use(engine);
    const fault = certificateFault(engine, this.#config);
    if (fault !== undefined) throw new TransportError("bad_certificate", `${fault.key}: ${fault.message}`);
    const { resetKeyFile } = this.#config.quic;
    if (resetKeyFile !== undefined) this.#resetKey = await ResetKeyFile.open(resetKeyFile);
    const websocket = createQmux(this.#parts);
    // The mesh decides on sessions of relays, so it exists before the first session. It dials with both engines.
    this.#mesh = await steps.run("what [cluster] names", () => this.#openMesh(engine, websocket));
    if (http.enabled && http.page) {
      const folder = this.#options.pageFolder ?? PAGE_FOLDER;
      this.#page = await steps.run("the demo page", () => readDemoPage(folder, this.#parts.warn));
    }
    // From here on clients come.
    certificate.engine = engine.name;
    const ports = this.#portDeps(engine, websocket, certificate);
    await steps.run("the public port", () => this.#ports.openPublic(ports));
    if (adminFailure !== undefined) throw adminFailure.error;
    await steps.run("the cluster listener", () => this.#ports.openCluster(ports));
    this.#files.start();
    this.#state = "ready";
    // The relay registers at its roots last: peers that find it may dial it at once.
    this.#mesh?.start();
    const { address } = this;
    const config = () => this.#config;
    const { counters, wallNow } = this.#parts;
    attachSystem(counters, { config, engine, port: address.port, certificate: () => certificate.state, wallNow });
    const pressure = new PressureWatch(this.#parts, { config, memory: () => this.#health.memory.read() });
    this.#pressure = pressure.start();
    const { descriptors } = this.#parts;
    const watched = { config, certificate, files: this.#files, descriptors, mesh: this.#mesh, cloud: this.#cloud };
    const own = createQmux({ ...this.#parts, preamble: preambleOf(this.#parts.proxies) });
    this.#health.start({ ...watched, pressure, engine, websocket: own, address });
    this.#readiness = this.#watchReadiness(engine);
    this.#cloud.start();
  }

  contain(error: unknown): void {
    this.#parts.defects.report("outside of any session", error);
  }

  switchDebug(): void {
    const debug = this.#parts.levels.toggleDebug();
    this.#parts.log.warn(
      debug ? "log level is now debug, until SIGUSR2 comes again" : "log levels are as configured again",
    );
  }

  #enter(state: "ready" | "draining"): void {
    this.#state = state;
    this.#health.monitor.setLife(state, this.#cloud.ending);
  }

  #watchedFiles() {
    return watchedFiles(this.#config, {
      certificates: async () => (await this.#certificate?.reload()) ?? false,
      trust: async () => (await this.#mesh?.reloadTrust()) ?? false,
      resetKey: async () => await this.#reloadResetKey(),
    });
  }

  standDown(reason: string): boolean {
    return this.#departure.standDown(reason);
  }

  resume(): boolean {
    return this.#departure.resume();
  }

  async drain(reason: string): Promise<void> {
    await this.#departure.drain(reason);
    await this.close(reason);
  }

  close(reason = "closed"): Promise<void> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  async #close(reason: string): Promise<void> {
    const began = this.#state !== "starting";
    this.#state = "closed";
    this.#health.monitor.setLife("closed");
    // What watches the relay ends first: it would log what the end itself causes.
    this.#cloud.close();
    const announced = this.#readiness?.close();
    const rested = this.#health.rest();
    this.#parts.descriptors.close();
    this.#pressure?.close();
    this.#files.close();
    this.#parts.host.stopAccepting();
    this.#mesh?.close();
    this.#parts.host.closeAll(reason);
    // Peers learn of the close while the sockets are still open.
    await waitUntil(this.#parts.clock, FAREWELL_MS, () => this.#parts.host.sessions === 0);
    this.#parts.host.close();
    this.#parts.gate.close();
    this.#parts.broadcasts.close("closed");
    this.#certificate?.close();
    await this.#parts.webhooks.close();
    const ends = await Promise.allSettled([this.#ports.close(), this.#admin?.server.close(), this.#health.close()]);
    for (const end of ends) {
      if (end.status === "rejected") this.#parts.warn("a listener did not close", end.reason);
    }
    await Promise.all([announced, rested]);
    this.#hooks.close();
    clearInterval(this.#hold);
    if (began) this.#parts.log.info({ reason }, "relay closed");
    this.#ended.resolve();
  }

  async #openAdmin(): Promise<undefined> {
    const tls = this.#config.http.adminTls ? this.#certificate?.adminTls() : undefined;
    const pulses = () => this.#engine?.pulses?.();
    const { openAdmin } = await import("./admin/index.ts");
    this.#admin = await openAdmin({
      ...this.#parts,
      config: this.#config,
      tls,
      view: this,
      control: this,
      hops: () => this.#mesh,
      pulses,
      dashboardFolder: this.#options.dashboardFolder ?? DASHBOARD_FOLDER,
      endRevocation: (one) => this.#mesh?.endRevocation(one) ?? false,
      settings: this.settings,
    });
  }

  async #reloadResetKey(): Promise<boolean> {
    return this.#engine !== undefined && ((await this.#resetKey?.reload(this.#engine)) ?? false);
  }

  async #openCertificate(): Promise<ServedCertificate> {
    this.#certificate = await ServedCertificate.open(this.#config, this.#parts);
    return this.#certificate;
  }

  #portDeps(engine: Engine, websocket: WebSocketSessions, certificate: ServedCertificate): PortsDeps {
    return {
      ...this.#parts,
      config: this.#config,
      engine,
      websocket,
      certificate,
      protocols: (plane) => this.#protocols(plane),
      fingerprint: () => this.fingerprint,
      page: this.#page,
      health: () => this.health(),
    };
  }

  /** A relay of a mesh also speaks the mesh's own wire, where it serves other relays; only sessions with the powers of a relay may use it. */
  #protocols(plane: "public" | "cluster"): string[] {
    const { experimental, protocols: only } = this.#config.server;
    const offered = protocols(experimental, only);
    const relays = plane === "cluster" || this.#config.cluster.listen === undefined;
    return this.#mesh === undefined || !relays ? offered : [...offered, ...MESH_PROTOCOLS];
  }

  #openMesh(quic: Engine, websocket: Engine): Promise<MeshRuntime | undefined> {
    const { cluster: config, limits, http, server } = this.#config;
    const resolver = this.#options.resolver ?? dnsResolver();
    const log = this.#parts.levels.module("mesh");
    return MeshRuntime.open({
      ...this.#parts,
      log,
      config,
      limits,
      experimental: server.experimental,
      quic,
      websocket,
      resolver,
      maxSessions: () => this.#config.limits.sessions,
      tenantSeries: http.metricSeries,
    });
  }

  #watchReadiness(engine: Engine): Readiness {
    const { address, port } = this.address;
    const admin = this.adminAddress?.port;
    const { fingerprint } = this;
    const about = { engine: engine.name, version: VERSION, ...(fingerprint !== undefined && { fingerprint }) };
    const facts = { address, port, admin, ...about, ...this.#mesh?.place };
    const { upkeep: clock, defects } = this.#parts;
    // A hook never keeps the relay from its end.
    const changed = (reasons: readonly string[]) =>
      this.#hooks.changed(reasons).catch((error: unknown) => defects.report("in the hook on_change", error));
    return new Readiness({ ...this.#parts, clock, reasons: () => this.reasons(), changed, facts });
  }
}
