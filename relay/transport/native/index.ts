/**
 * The engine `native`: quinn in threads of its own (`engine/`), for raw QUIC and WebTransport on one port.
 *
 * Events come in flat batches, a fan-out is one call, and what is queued is read from tables without a call. What is
 * written in a turn of the program takes effect together at its end. Bytes that QUIC holds count as handed to the
 * network: at most twice its congestion window, and at least the send window of the settings.
 */
import { availableParallelism } from "node:os";
import type { EngineDeps } from "../contract.ts";
import { type EngineSettings, loadAddon } from "./addon.ts";
import { NativeEngine } from "./engine.ts";

export type { EngineSettings } from "./addon.ts";
export type { NativeEngine, NativeExtras } from "./engine.ts";

/** What is not said. Sizes in bytes. */
const DEFAULTS: Omit<EngineSettings, "threads"> = {
  congestion: "cubic",
  ackFrequency: true,
  sendWindow: 256 * 1024,
  streamReceiveWindow: 2 * 1024 * 1024,
  receiveWindow: 8 * 1024 * 1024,
  socketBuffer: 4 * 1024 * 1024,
  retryAbove: 256,
  reusePort: false,
  // The least that every path of QUIC carries (RFC 9000 section 14); MTU discovery finds more.
  initialMtu: 1200,
};

/** JavaScript keeps a core for itself. */
export function defaultThreads(): number {
  return Math.max(1, availableParallelism() - 1);
}

/**
 * Loads the binary and starts its threads. Rejects with {@link TransportError} `engine_unavailable` and the command
 * that helps.
 */
export async function createNative(deps: EngineDeps, settings: Partial<EngineSettings> = {}): Promise<NativeEngine> {
  const addon = loadAddon();
  const all: EngineSettings = { ...DEFAULTS, threads: defaultThreads(), ...settings };
  return new NativeEngine(deps, (wake) => addon.createEngine(all, wake));
}
