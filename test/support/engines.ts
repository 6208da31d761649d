/** Which QUIC engines this machine has, and what tests skip without them. */
import type { Engine } from "../../moq/link.ts";
import { createEngine } from "../../transport/engines.ts";
import { loadAddon } from "../../transport/native/addon.ts";
import { createNative } from "../../transport/native/index.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";

/** Bytes of a small socket buffer, which every kernel grants. */
const SOCKET_BUFFER = 64 * 1024;

/** A native engine for the clients of a test: one thread, and no warnings. */
export function nativeClient(): ReturnType<typeof createNative> {
  return createNative({ clock: systemClock, warn: () => {} }, { threads: 1, socketBuffer: SOCKET_BUFFER });
}

/** Why the native engine cannot be tested here; false where it can. With `MOQMESH_REQUIRE_ENGINE=1` a missing one is an error. */
export function missingEngine(): string | false {
  try {
    loadAddon();
    return false;
  } catch (error) {
    if (process.env["MOQMESH_REQUIRE_ENGINE"] === "1") throw error;
    return `the native engine is needed and does not load: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Why whole relays cannot run here, or why the engine that loads does not fit; false when they can. */
export async function missingLinux(misfit: (engine: Engine) => string | false = () => false): Promise<string | false> {
  if (process.platform !== "linux") return "it reads /proc and uses all of 127.0.0.0/8, so it needs Linux";
  try {
    return misfit(await createEngine("auto", { clock: systemClock, warn: () => {} }));
  } catch (error) {
    return `no QUIC engine loads: ${error instanceof Error ? error.message : String(error)}`;
  }
}
