import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { TransportError } from "../../moq/link.ts";

/** Settings of an engine: `EngineOptions` in `engine/src/config.rs`. Sizes in bytes. */
export interface EngineSettings {
  readonly threads: number;
  readonly congestion: "delay" | "cubic" | "newreno";
  readonly ackFrequency: boolean;
  readonly sendWindow: number;
  readonly streamReceiveWindow: number;
  readonly receiveWindow: number;
  readonly socketBuffer: number;
  /** From this many unfinished handshakes on, clients must prove their address. */
  readonly retryAbove: number;
  readonly reusePort: boolean;
  readonly resetKey?: Uint8Array;
  readonly qlog?: string;
  readonly initialMtu: number;
  /** Largest UDP payload: probing tries up to this, and peers may send it. */
  readonly maxMtu: number;
  /** Milliseconds that peers may delay an acknowledgement; 0: their own proposal. */
  readonly ackDelay: number;
  /** Streams of each kind that a peer may have open at first, before the limit grows; 0: all that it may ever have. */
  readonly initialStreams: number;
  /** Bytes in flight at the start of a connection. */
  readonly initialWindow: number;
  /** A packet is lost when one sent this many packets later has arrived, or, in percent of a round trip, this much later. */
  readonly packetThreshold: number;
  readonly timeThreshold: number;
  readonly routing?: RoutingSettings;
}

/** A server id in the connection ids of listeners: QUIC-LB, draft-ietf-quic-load-balancers-21. */
export interface RoutingSettings {
  /** 1 to 15 bytes. */
  readonly serverId: Uint8Array;
  /** Bytes, from 4; with the server id at most 19. */
  readonly nonceLength: number;
  /** 0 to 6. */
  readonly rotation: number;
  /** 16 bytes; without it everyone on the path can read the server id. */
  readonly key?: Uint8Array;
}

interface LimitSettings {
  readonly uniStreams: number;
  readonly bidiStreams: number;
  readonly idleTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly queueMark: number;
}

/** A chain and its key (PEM) for a server name. The `name` of the first one is ignored. */
export interface NamedCertificate {
  readonly name: string;
  readonly cert: string;
  readonly key: string;
}

/** What clients may present: certificates that chain to one of the PEM roots. */
export interface ClientRoots {
  readonly roots: string;
  readonly required: boolean;
}

export interface ListenSettings {
  /** An IP address. */
  readonly host: string;
  readonly port: number;
  readonly protocols: readonly string[];
  readonly certificates: readonly NamedCertificate[];
  /** Without it the listener asks for no certificate. */
  readonly clients?: ClientRoots;
  readonly limits: LimitSettings;
  /** IP addresses with ports, at most one of each family: RFC 9000 section 9.6. */
  readonly preferred?: readonly string[];
}

export interface DialSettings {
  readonly token: number;
  readonly url: string;
  readonly address?: string;
  readonly protocols: readonly string[];
  /** As `DialOptions` has it. */
  readonly unanswered?: string;
  readonly headerNames: readonly string[];
  readonly headerValues: readonly string[];
  readonly trust: "system" | "roots" | "hashes" | "insecure";
  readonly roots?: string;
  readonly hashes?: readonly Uint8Array[];
  readonly certificate?: NamedCertificate;
  readonly limits: LimitSettings;
  readonly timeoutMs: number;
}

/**
 * A running engine. Calls take effect with `flush`. The engine gives streams and links their ids; a call with the id of
 * an ended one does nothing. Errors of `listen`, `dial` and `setCertificates` have a code of the contract.
 */
export interface Native {
  /** Bytes written that QUIC has not accepted yet, by slot. */
  readonly queuedOfStreams: Uint32Array;
  readonly queuedOfLinks: Uint32Array;
  /** Writes waiting events to `records` and `data`. Returns the number of records; 0: no event waits. */
  poll(records: Uint32Array, data: Uint8Array): number;
  flush(): void;
  /** The stream's id, or 0 when the peer allows none now. */
  openUni(link: number, priority: number): number;
  openBidi(link: number, priority: number): number;
  write(stream: number, bytes: Uint8Array): void;
  writeMany(streams: Uint32Array, count: number, bytes: Uint8Array): void;
  finish(stream: number): void;
  finishMany(streams: Uint32Array, count: number): void;
  reset(stream: number, code: number): void;
  resetMany(streams: Uint32Array, count: number, code: number): void;
  stop(stream: number, code: number): void;
  setPriority(stream: number, priority: number): void;
  /** A record `mark` follows, and the stream is not read until {@link pass}. */
  mark(stream: number): void;
  /**
   * What is read of the stream from its mark on goes to other streams as well. `how`: late, framing, largest payload, bytes left; then framing
   * and number of streams, and the streams, until the end. An empty list keeps those of the last call.
   */
  pass(stream: number, how: Uint32Array): void;
  /** A record `unpassed` follows. */
  unpass(stream: number): void;
  /** Lets the peer have this many streams open; fewer than before changes nothing. */
  allowBidi(link: number, streams: number): void;
  /** 1: pauses reading; 0: resumes. Calls must alternate. */
  pauseReading(link: number, paused: number): void;
  /** 1: accepted; 0: refused. */
  sendDatagram(link: number, bytes: Uint8Array): number;
  maxDatagram(link: number): number;
  /** Bytes sent and received, round trip in milliseconds, congestion window, packets lost and sent. */
  stats(link: number, into: Float64Array): void;
  /** The listener's id in the upper half, its port in the lower. */
  listen(settings: ListenSettings): number;
  dial(settings: DialSettings): void;
  /** `clients` only for a listener that was opened with some. When it throws, nothing has changed. */
  setCertificates(
    listener: number,
    tls: { readonly certificates: readonly NamedCertificate[]; readonly clients?: ClientRoots },
  ): void;
  /** Replaces the key of stateless resets for new connections. 1: done; 0: the engine was started without one. */
  setResetKey(key: Uint8Array): number;
  stopAccepting(listener: number): void;
  closeListener(listener: number): void;
  accept(link: number): void;
  reject(link: number, status: number): void;
  closeLink(link: number, code: number, reason: string): void;
  /** Bounds the handshakes that begin in a second, and at once, over all listeners; 0: no bound. */
  setHandshakeRate(perSecond: number, burst: number): void;
  /** Handshakes that did not begin because of that bound, since the start. */
  handshakesLimited(): number;
  /**
   * {@link PULSE_FIGURES} of each worker: milliseconds for which it owes a sign of life, its links, seconds that it was busy, and what waits
   * for it. Asks each again. Returns the number of workers.
   */
  pulses(into: Float64Array): number;
  /** Handshakes that were completed, that failed, that were answered with a retry and that were refused. */
  handshakes(into: Float64Array): void;
  stopEngine(): void;
  /** `ref` keeps the event loop alive; `unref` ends that. */
  ref(): void;
  unref(): void;
}

/** What the binary exports. */
export interface Addon {
  createEngine(settings: EngineSettings, wake: () => void): Native;
  /** Sends `state` to the service manager at `socket` (sd_notify). Throws where it cannot. */
  notifyServiceManager(socket: string, state: string): void;
  /** Returns free memory of the allocator to the system; false where nothing was returned. */
  releaseMemory(): boolean;
}

const PACKAGE = "moqmesh";

/** Read once. */
let platform: string | undefined;

/** `linux-x64-gnu` and the like, as in the names of npm packages with native addons. */
export function platformName(): string {
  platform ??= readPlatform();
  return platform;
}

function readPlatform(): string {
  const base = `${process.platform}-${process.arch}`;
  if (process.platform !== "linux") return base;
  return `${base}-${hasMusl() ? "musl" : "gnu"}`;
}

/**
 * True where the C library is musl, whose file is the dynamic linker of each process. Node's report names the library as well, but takes 1 MB
 * of memory and asks the DNS for the names of all open sockets, for seconds where that does not answer.
 */
function hasMusl(): boolean {
  try {
    return readFileSync("/proc/self/maps", "latin1").includes("/ld-musl-");
  } catch {
    // No /proc, as in some sandboxes.
    return false;
  }
}

/** Name of the binary in `engine/`, where `npm run build:engine` puts it. */
export function binaryName(): string {
  return `moqmesh-engine.${platformName()}.node`;
}

/** Where a file of the program looks for the binary. */
interface OwnPackage {
  readonly folder: string;
  readonly version: string;
}

/**
 * Loads the binary: the one built in this checkout, else the one of the npm package for this platform, which must have the program's version.
 * Throws {@link TransportError} `engine_unavailable` with the command that solves it. `from`: the folder of a file of the program.
 */
export function loadAddon(from: string = import.meta.dirname): Addon {
  const require = createRequire(join(from, "addon.js"));
  const own = ownPackage(from);
  const built = own && join(own.folder, "engine", binaryName());
  const path = built !== undefined && existsSync(built) ? built : prebuilt(require, own);
  let addon: unknown;
  try {
    addon = require(path);
  } catch (cause) {
    throw unavailable(`the binary cannot be loaded (${messageOf(cause)}) for ${platformName()}`, own, cause);
  }
  if (!isAddon(addon)) throw unavailable("the binary is of another version", own);
  return addon;
}

/** The package of this platform's binary. */
function prebuilt(require: NodeJS.Require, own: OwnPackage | undefined): string {
  const name = enginePackage();
  let manifest: { readonly version?: unknown };
  try {
    manifest = manifestAt(require.resolve(`${name}/package.json`));
  } catch (cause) {
    throw unavailable(`there is no binary for ${platformName()}`, own, cause);
  }
  const { version } = manifest;
  if (own === undefined || version === own.version) return name;
  throw unavailable(
    `${name} has the version ${String(version)}, and ${PACKAGE} has ${own.version}; they must be the same`,
    own,
  );
}

/** Name of the npm package with the binary for this platform. */
function enginePackage(): string {
  return `@${PACKAGE}/engine-${platformName()}`;
}

/** The package that a folder belongs to, in a checkout and when installed. */
function ownPackage(from: string): OwnPackage | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file)) {
      const { name, version } = manifestAt(file);
      if (name === PACKAGE && typeof version === "string") return { folder, version };
    }
    if (dirname(folder) === folder) return undefined;
  }
}

function manifestAt(file: string): { readonly name?: unknown; readonly version?: unknown } {
  const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
  return typeof parsed === "object" && parsed !== null ? parsed : {};
}

function isAddon(value: unknown): value is Addon {
  return (
    typeof value === "object" && value !== null && "createEngine" in value && typeof value.createEngine === "function"
  );
}

function unavailable(why: string, own: OwnPackage | undefined, cause?: unknown): TransportError {
  const checkout = own === undefined || existsSync(join(own.folder, "engine", "Cargo.toml"));
  const help = checkout
    ? "in a checkout, with cargo installed, run: npm run build:engine"
    : `install the package of the program's version: npm install ${enginePackage()}@${own.version}`;
  return new TransportError("engine_unavailable", `the native engine: ${why}; ${help}`, { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
