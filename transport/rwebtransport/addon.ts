import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { TransportError } from "../../moq/link.ts";

/**
 * The only version of the package that the adapter supports. The adapter calls the native addon below the package's W3C
 * classes and relies on that version's behaviour: how it numbers streams, that stream 0 is the CONNECT stream, and when
 * it acknowledges a write.
 */
export const ADDON_VERSION = "0.2.2";

/** Major versions of Node that the package supports. */
const NODE_MAJORS = [24, 26];

/** The addon's handle of one dialled session. */
export interface ClientHandle {
  readonly __brand: "rwt-session";
}

/** The addon's handle of one listening socket. */
export interface ServerHandle {
  readonly __brand: "rwt-server";
}

/** Events of one session. The receiver owns the byte arrays. */
export type SessionEvent =
  | { readonly type: "stream"; readonly streamId: number; readonly bidi: boolean }
  | { readonly type: "streamData"; readonly streamId: number; readonly data: Uint8Array }
  | { readonly type: "streamFin"; readonly streamId: number }
  | { readonly type: "streamReset"; readonly streamId: number; readonly code: number }
  | { readonly type: "streamStopSending"; readonly streamId: number; readonly code: number }
  | { readonly type: "streamOpened"; readonly requestId: number; readonly streamId: number }
  /** The QUIC stack has accepted all bytes of one write; it accepts bytes as the congestion window opens. */
  | { readonly type: "writeAck"; readonly requestId: number }
  | { readonly type: "datagram"; readonly data: Uint8Array }
  | { readonly type: "datagramAck"; readonly requestId: number; readonly sent: boolean }
  | StatsEvent
  | { readonly type: "draining" }
  | ErrorEvent
  | ClosedEvent
  | { readonly type: "keyingMaterial" };

export interface StatsEvent {
  readonly type: "stats";
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly packetsLost: number;
  /** Milliseconds. */
  readonly smoothedRtt: number;
}

export interface ErrorEvent {
  readonly type: "error";
  readonly message: string;
}

export interface ClosedEvent {
  readonly type: "closed";
  readonly code: number;
  readonly reason: Uint8Array;
  /** True when the peer closed. */
  readonly remote: boolean;
}

/** First event of a dialled session. */
export interface ReadyEvent {
  readonly type: "ready";
  readonly protocol: string | null;
}

/** First event of an accepted session; the addon has answered 200 by then. */
export interface ServerReadyEvent {
  readonly type: "serverReady";
  readonly authority: string;
  readonly path: string;
  readonly origin: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly protocol: string | null;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

export type ClientEvent = ReadyEvent | SessionEvent;

export type ServerEvent =
  | { readonly type: "listening"; readonly port: number }
  | { readonly type: "serverError"; readonly message: string }
  | { readonly type: "serverClosed" }
  | ((ServerReadyEvent | SessionEvent) & { readonly session: number });

/** What the native addon exports. Every call only queues a command for the addon's thread. */
export interface Addon {
  connect(
    url: string,
    hashes: readonly Uint8Array[],
    insecure: boolean,
    origin: string | null,
    headerNames: readonly string[],
    headerValues: readonly string[],
    protocols: readonly string[],
    onEvent: (event: ClientEvent) => void,
  ): ClientHandle;
  openStream(handle: ClientHandle, bidi: boolean, requestId: number): void;
  writeStream(handle: ClientHandle, streamId: number, bytes: Uint8Array, requestId: number): void;
  finStream(handle: ClientHandle, streamId: number): void;
  resetStream(handle: ClientHandle, streamId: number, code: number): void;
  stopSending(handle: ClientHandle, streamId: number, code: number): void;
  setPaused(handle: ClientHandle, streamId: number, paused: boolean): void;
  sendDatagram(handle: ClientHandle, bytes: Uint8Array, requestId: number): void;
  maxDatagramSize(handle: ClientHandle): number;
  closeSession(handle: ClientHandle, code: number, reason: Uint8Array): void;
  getStats(handle: ClientHandle, requestId: number): void;
  shutdown(handle: ClientHandle): void;
  serverListen(
    certPath: string,
    keyPath: string,
    host: string,
    port: number,
    reusePort: boolean,
    protocols: readonly string[],
    allowedOrigins: readonly string[] | null,
    headerNames: readonly string[],
    headerValues: readonly string[],
    onEvent: (event: ServerEvent) => void,
  ): ServerHandle;
  serverOpenStream(handle: ServerHandle, session: number, bidi: boolean, requestId: number): void;
  serverWrite(handle: ServerHandle, session: number, streamId: number, bytes: Uint8Array, requestId: number): void;
  serverFin(handle: ServerHandle, session: number, streamId: number): void;
  serverReset(handle: ServerHandle, session: number, streamId: number, code: number): void;
  serverStopSending(handle: ServerHandle, session: number, streamId: number, code: number): void;
  serverSetPaused(handle: ServerHandle, session: number, streamId: number, paused: boolean): void;
  serverSendDatagram(handle: ServerHandle, session: number, bytes: Uint8Array, requestId: number): void;
  serverMaxDatagramSize(handle: ServerHandle): number;
  serverCloseSession(handle: ServerHandle, session: number, code: number, reason: Uint8Array): void;
  serverGetStats(handle: ServerHandle, session: number, requestId: number): void;
  serverShutdown(handle: ServerHandle): void;
}

const FUNCTIONS: readonly (keyof Addon)[] = [
  "connect",
  "openStream",
  "writeStream",
  "finStream",
  "resetStream",
  "stopSending",
  "setPaused",
  "sendDatagram",
  "maxDatagramSize",
  "closeSession",
  "getStats",
  "shutdown",
  "serverListen",
  "serverOpenStream",
  "serverWrite",
  "serverFin",
  "serverReset",
  "serverStopSending",
  "serverSetPaused",
  "serverSendDatagram",
  "serverMaxDatagramSize",
  "serverCloseSession",
  "serverGetStats",
  "serverShutdown",
];

/** The parts of the system that decide whether the addon loads; tests replace them. */
export interface AddonHost {
  readonly nodeVersion: string;
  readonly platform: string;
  readonly arch: string;
  /** Path of the package's entry file, or an exception when it is not installed. */
  readonly resolve: () => string;
  /** Loads a `.node` file. */
  readonly load: (path: string) => unknown;
}

const require = createRequire(import.meta.url);

/** The real process. */
export const thisHost: AddonHost = {
  nodeVersion: process.versions.node,
  platform: process.platform,
  arch: process.arch,
  resolve: () => require.resolve("rwebtransport"),
  load: (path): unknown => require(path),
};

/**
 * Loads the prebuilt addon. Throws {@link TransportError} `engine_unavailable` with the command that solves it: wrong
 * Node, package missing or of another version, no binary for the platform, or a binary that does not load.
 */
export function loadAddon(host: AddonHost): Addon {
  if (!NODE_MAJORS.includes(Number.parseInt(host.nodeVersion, 10))) {
    throw unavailable(`needs Node ${NODE_MAJORS.join(" or ")}, this is ${host.nodeVersion}`, "npm install node@24");
  }
  const install = `npm install rwebtransport@${ADDON_VERSION}`;
  let root: string;
  let version: unknown;
  try {
    root = dirname(dirname(host.resolve()));
    const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    version = typeof manifest === "object" && manifest !== null && "version" in manifest ? manifest.version : undefined;
  } catch (error) {
    throw unavailable("is not installed", install, error);
  }
  if (version !== ADDON_VERSION) throw unavailable(`is version ${String(version)}, not ${ADDON_VERSION}`, install);
  const platform = `${host.platform}-${host.arch}`;
  const path = join(root, "prebuilds", platform, "rwebtransport.node");
  if (!existsSync(path)) {
    throw unavailable(`has no binary for ${platform}`, `npm explore rwebtransport -- npm run build:rust`);
  }
  let addon: unknown;
  try {
    addon = host.load(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw unavailable(`cannot be loaded (${why})`, `npm explore rwebtransport -- npm run build:rust`, error);
  }
  if (!isAddon(addon)) throw unavailable(`does not have the exports of version ${ADDON_VERSION}`, install);
  return addon;
}

function isAddon(value: unknown): value is Addon {
  if (typeof value !== "object" || value === null) return false;
  const exported = new Map<string, unknown>(Object.entries(value));
  return FUNCTIONS.every((name) => typeof exported.get(name) === "function");
}

function unavailable(what: string, command: string, cause?: unknown): TransportError {
  return new TransportError("engine_unavailable", `rwebtransport ${what}; run: ${command}`, { cause });
}
