import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The cores of the relay and of the load. */
export interface Pinning {
  readonly relay: readonly number[];
  readonly load: readonly number[];
}

/** How processes are pinned, or why they are not. */
export type Pin = { readonly pinning: Pinning } | { readonly pinning: undefined; readonly why: string };

/** Finds out whether processes can be pinned to these cores. */
export async function findPin(wanted: Pinning): Promise<Pin> {
  const cores = [...wanted.relay, ...wanted.load];
  if (availableParallelism() < 2) return { pinning: undefined, why: "this machine has only one core" };
  if (new Set(cores).size < cores.length) return { pinning: undefined, why: "relay and load share a core" };
  for (const core of cores) {
    try {
      // Check each core: taskset silently ignores missing cores of a list.
      await run("taskset", ["-c", String(core), "true"]);
    } catch (error) {
      const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
      return { pinning: undefined, why: missing ? "taskset is missing" : `this process may not use core ${core}` };
    }
  }
  return { pinning: wanted };
}

/** The command that runs `command` on `cores`; unchanged without cores. */
export function pinned(cores: readonly number[] | undefined, command: readonly string[]): [string, string[]] {
  const [file = "", ...args] = command;
  return cores === undefined ? [file, args] : ["taskset", ["-c", cores.join(","), file, ...args]];
}

/** Moves this process with all its threads, so that its own work does not use the relay's core. */
export async function pinSelf(cores: readonly number[]): Promise<void> {
  await run("taskset", ["-a", "-c", "-p", cores.join(","), String(process.pid)]);
}

/** Parses `0`, `1-3` or `1,3`; undefined for other text. */
export function parseCores(text: string): number[] | undefined {
  const cores: number[] = [];
  for (const part of text.split(",")) {
    const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first) return undefined;
    for (let core = first; core <= last; core++) cores.push(core);
  }
  return cores;
}
