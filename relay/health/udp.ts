import { readFile } from "node:fs/promises";
import type { Check, Finding } from "./contract.ts";

/** Milliseconds between two readings. */
const READ_MS = 5_000;

/** Dropped packets between two readings that count: QUIC repairs a few losses of a burst unnoticed. */
const MANY = 100;

/** Bad readings in a row, 15 s; good ones, 30 s. */
const DAMPING = { failures: 3, successes: 6 } as const;

/** Packets that the system has dropped so far at the sockets of a UDP port; 0 where the system does not say. */
export async function udpDrops(port: number): Promise<number> {
  const read = (file: string) => readFile(file, "utf8").catch(() => "");
  const tables = await Promise.all([read("/proc/net/udp"), read("/proc/net/udp6")]);
  return dropsIn(tables.join("\n"), port);
}

/** The sum of the last columns of the lines of `/proc/net/udp` whose local port is `port`. */
export function dropsIn(table: string, port: number): number {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  let drops = 0;
  for (const line of table.split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (fields[1]?.endsWith(suffix) === true) drops += Number(fields.at(-1)) || 0;
  }
  return drops;
}

/** Warns while the system drops many packets at the relay's port, because they come faster than the relay reads them. */
export function udpCheck(port: number, drops: () => Promise<number> = () => udpDrops(port)): Check {
  let before: number | undefined;
  return {
    code: "udp_drops",
    severity: "warning",
    damping: DAMPING,
    everyMs: READ_MS,
    async run(): Promise<Finding> {
      const now = await drops();
      const since = now - (before ?? now);
      before = now;
      if (since < MANY) return undefined;
      return `the system dropped ${since} packets at UDP port ${port} in ${READ_MS / 1000} s, because its receive buffer was full`;
    },
  };
}
