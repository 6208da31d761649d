import { createEngine } from "../../../transport/engines.ts";
import { systemClock } from "../../../transport/shared/system-clock.ts";

/** Why a mesh of processes cannot run here; false when it can. */
export async function unable(): Promise<string | false> {
  if (process.platform !== "linux") return "it reads /proc, so it needs Linux";
  try {
    await createEngine("auto", { clock: systemClock, warn: () => {} });
    return false;
  } catch (error) {
    return `no QUIC engine loads: ${error instanceof Error ? error.message : String(error)}`;
  }
}
