import { readFileSync } from "node:fs";
import type { Check, Finding } from "./contract.ts";

/** Milliseconds between two readings. */
const READ_MS = 1_000;

/** Readings in a row: 3 s above the threshold, 5 s below it. */
const DAMPING = { failures: 3, successes: 5 } as const;

/** Points of percent below the threshold at which memory counts as free again. */
const HYSTERESIS = 3;

/** Memory of the process in bytes. */
export interface MemoryReading {
  readonly usedBytes: number;
  readonly limitBytes: number;
}

/**
 * Reads how much memory the process uses. In a cgroup with a limit that is the working set of the cgroup, as the kernel and Kubernetes count
 * it: everything that cannot be dropped at once, of all its processes. Elsewhere it is the resident set of this process. A reading costs some
 * reads of `/proc` and `/sys`, about 0.1 ms.
 */
export class MemoryMeter {
  readonly #limitBytes: number;
  readonly #workingSet: () => number | undefined;

  /** `limitBytes`: what the process may use. */
  constructor(limitBytes: number, workingSet: () => number | undefined = cgroupWorkingSet) {
    this.#limitBytes = limitBytes;
    this.#workingSet = workingSet;
  }

  read(): MemoryReading {
    const usedBytes = Math.max(residentBytes(), this.#workingSet() ?? 0);
    return { usedBytes, limitBytes: this.#limitBytes };
  }
}

let lastResident = 0;

/** Resident memory of the process in bytes. Where it cannot be read, as without a free file descriptor, it is what it was before. */
export function residentBytes(read: () => number = () => process.memoryUsage.rss()): number {
  try {
    lastResident = read();
  } catch {
    // The last value stands.
  }
  return lastResident;
}

/** Fails when the process uses more than `percent` of its memory, and passes again when it uses 3 points less. */
export function memoryCheck(meter: Pick<MemoryMeter, "read">, percent: () => number): Check {
  let high = false;
  return {
    code: "memory_high",
    severity: "not_ready",
    damping: DAMPING,
    everyMs: READ_MS,
    run(): Finding {
      const { usedBytes, limitBytes } = meter.read();
      const used = (usedBytes / limitBytes) * 100;
      high = used >= percent() - (high ? HYSTERESIS : 0);
      if (!high) return undefined;
      return `the process uses ${mib(usedBytes)} of ${mib(limitBytes)} of memory (${used.toFixed(0)} %), and ${percent()} % is the limit`;
    },
  };
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

/** The files of this process's cgroup that count memory; undefined where it has no limit of its own, or no cgroup. */
interface CgroupFiles {
  readonly usage: string;
  readonly stat: string;
  /** The line of `stat` with the bytes of files that the kernel may drop. */
  readonly inactive: RegExp;
}

let found: CgroupFiles | undefined | "not looked for" = "not looked for";

function cgroupWorkingSet(): number | undefined {
  if (found === "not looked for") found = findCgroup();
  if (found === undefined) return undefined;
  const usage = Number(readText(found.usage));
  const inactive = Number(found.inactive.exec(readText(found.stat) ?? "")?.[1] ?? 0);
  return Number.isFinite(usage) ? Math.max(0, usage - inactive) : undefined;
}

/** In a container the cgroup of the process is at the root of its mount; elsewhere its path is in `/proc/self/cgroup`. */
function findCgroup(): CgroupFiles | undefined {
  const groups = readText("/proc/self/cgroup") ?? "";
  const unified = /^0::(\/.*)$/m.exec(groups)?.[1] ?? "/";
  for (const folder of [`/sys/fs/cgroup${unified}`, "/sys/fs/cgroup"]) {
    const limit = readText(`${folder}/memory.max`)?.trim();
    if (limit === undefined || limit === "max") continue;
    return { usage: `${folder}/memory.current`, stat: `${folder}/memory.stat`, inactive: /^inactive_file (\d+)$/m };
  }
  const first = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(\/.*)$/m.exec(groups)?.[1] ?? "/";
  for (const folder of [`/sys/fs/cgroup/memory${first}`, "/sys/fs/cgroup/memory"]) {
    const limit = Number(readText(`${folder}/memory.limit_in_bytes`));
    // Without a limit the file has a number near 2^63.
    if (!(limit > 0 && limit < 2 ** 60)) continue;
    const usage = `${folder}/memory.usage_in_bytes`;
    return { usage, stat: `${folder}/memory.stat`, inactive: /^total_inactive_file (\d+)$/m };
  }
  return undefined;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
