import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { BenchError } from "../bench/system/error.ts";

/** Lowest port: well-known services use lower ones. */
const LOWEST = 20_000;

/** Attempts for each port. */
const ATTEMPTS = 64;

/**
 * Finds ports of loopback that are free for UDP and TCP. They are below the kernel's range of ephemeral ports, so that the port of a
 * restarted relay is still free although the other relays dial meanwhile.
 */
export async function freePorts(count: number): Promise<number[]> {
  const end = firstEphemeral();
  const found = new Set<number>();
  for (let attempts = count * ATTEMPTS; found.size < count && attempts > 0; attempts--) {
    const port = LOWEST + Math.floor(Math.random() * (end - LOWEST));
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  if (found.size < count) throw new BenchError(`fewer than ${count} ports are free from ${LOWEST} to ${end}`);
  return [...found];
}

function firstEphemeral(): number {
  const [first] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").split(/\s+/).map(Number);
  return first !== undefined && first > LOWEST + 1_000 ? first : 32_768;
}

async function isFree(port: number): Promise<boolean> {
  const udp = createSocket("udp4");
  const tcp = createServer();
  try {
    const bound = once(udp, "listening");
    udp.bind(port, "127.0.0.1");
    await bound;
    const listening = once(tcp, "listening");
    tcp.listen(port, "127.0.0.1");
    await listening;
    return true;
  } catch {
    return false;
  } finally {
    udp.close();
    tcp.close();
  }
}
