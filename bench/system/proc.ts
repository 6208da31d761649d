/** Figures of Linux's /proc (proc(5)): CPU time and resident memory of a process, busy time of cores. */
import { readFileSync } from "node:fs";

/** Clock ticks per second of /proc (USER_HZ): 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
const US_PER_TICK = 1_000_000 / TICKS_PER_SECOND;

/** Position of `utime` among the fields after the command's name; `stime` follows it. */
const UTIME_FIELD = 11;

/** User and system time of all threads, in microseconds, from the text of `/proc/PID/stat`. */
export function parseCpuUs(stat: string): number {
  // The name is in parentheses and may contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[UTIME_FIELD]) + Number(fields[UTIME_FIELD + 1]);
  if (!Number.isFinite(ticks)) throw new Error("not the stat file of a process");
  return ticks * US_PER_TICK;
}

/** Resident memory in kB (1024 bytes) from the text of `/proc/PID/status`. */
export function parseRssKb(status: string): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  if (match?.[1] === undefined) throw new Error("not the status file of a process that has memory");
  return Number(match[1]);
}

/** Time that a core was busy, in microseconds, from the text of `/proc/stat`; undefined for a missing core. */
export function parseBusyUs(stat: string, core: number): number | undefined {
  const line = stat.split("\n").find((text) => text.startsWith(`cpu${core} `));
  if (line === undefined) return undefined;
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(" ").slice(1).map(Number);
  return (user + nice + system + irq + softirq + steal) * US_PER_TICK;
}

export function cpuUs(pid: number): number {
  return parseCpuUs(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

export function rssKb(pid: number): number {
  return parseRssKb(readFileSync(`/proc/${pid}/status`, "utf8"));
}

/** CPU time of the first thread, which runs JavaScript in Node. */
export function mainThreadUs(pid: number): number {
  return parseCpuUs(readFileSync(`/proc/${pid}/task/${pid}/stat`, "utf8"));
}

/** Busy time, summed over the cores. */
export function busyUs(cores: readonly number[]): number {
  const stat = readFileSync("/proc/stat", "utf8");
  return cores.reduce((sum, core) => sum + (parseBusyUs(stat, core) ?? 0), 0);
}
