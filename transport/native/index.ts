/**
 * The engine `native`: quinn in threads of its own (`engine/`), for raw QUIC and WebTransport on one port.
 *
 * Events arrive in flat batches, a fan-out is one call, and queued bytes are read from tables without a call. The
 * writes of one turn of the program take effect together at its end. Bytes that QUIC holds count as sent: at most twice
 * its congestion window, and at least the send window of the settings.
 */
import { availableParallelism } from "node:os";
import type { EngineDeps } from "../../moq/link.ts";
import { makeFolder } from "../shared/index.ts";
import { type Addon, type EngineSettings, loadAddon } from "./addon.ts";
import { NativeEngine } from "./engine.ts";

export type { DialSettings, Native } from "./addon.ts";
export { NativeEngine } from "./engine.ts";
export { KIND, type MetaRecord, RECORD, STREAM_SLOT } from "./records.ts";

/** Settings of the engine. */
export type NativeSettings = Partial<EngineSettings>;

/** Defaults. Sizes in bytes. */
const DEFAULTS: Omit<EngineSettings, "threads"> = {
  congestion: "delay",
  ackFrequency: true,
  sendWindow: 256 * 1024,
  streamReceiveWindow: 2 * 1024 * 1024,
  receiveWindow: 8 * 1024 * 1024,
  socketBuffer: 4 * 1024 * 1024,
  retryAbove: 256,
  reusePort: false,
  // The least that every path must carry (RFC 9000 section 14); MTU discovery finds more.
  initialMtu: 1200,
  // An Ethernet packet without IPv6, UDP and the headers of tunnels.
  maxMtu: 1452,
  ackDelay: 0,
  initialStreams: 0,
  initialWindow: 40_000,
  packetThreshold: 20,
  timeThreshold: 120,
};

/** What the binary does for the process besides QUIC. */
export type SystemCalls = Pick<Addon, "notifyServiceManager" | "releaseMemory">;

/** Undefined where there is no binary. */
export function systemCalls(): SystemCalls | undefined {
  try {
    return loadAddon();
  } catch {
    return undefined;
  }
}

/** JavaScript keeps a core for itself. */
function defaultThreads(): number {
  return Math.max(1, availableParallelism() - 1);
}

/**
 * Loads the binary and starts its threads. Rejects with {@link TransportError} `engine_unavailable` and the command
 * that solves it.
 */
export async function createNative(deps: EngineDeps, settings: NativeSettings = {}): Promise<NativeEngine> {
  const addon = loadAddon();
  if (settings.qlog !== undefined) await makeFolder(settings.qlog);
  const all: EngineSettings = { ...DEFAULTS, threads: defaultThreads(), ...settings };
  return new NativeEngine(deps, (wake) => addon.createEngine(all, wake));
}
