import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { BenchError } from "../bench/system/error.ts";

/** Lowest port: well-known services use lower ones. */
const LOWEST = 20_000;

/** Attempts for each port. */
const ATTEMPTS = 64;

/** Has a file for each port that a living process has taken, with its process id. */
const TAKEN = join(tmpdir(), `moqmesh-ports-${userInfo().uid}`);

/**
 * Finds ports of loopback that are free for UDP and TCP, and takes them until this process ends: no other process gets them from here, also
 * while nothing listens there. They are below the kernel's range of ephemeral ports, so that the port of a
 * restarted relay is still free although the other relays dial meanwhile.
 */
export async function freePorts(count: number): Promise<number[]> {
  const end = firstEphemeral();
  const found = new Set<number>();
  for (let attempts = count * ATTEMPTS; found.size < count && attempts > 0; attempts--) {
    const port = LOWEST + Math.floor(Math.random() * (end - LOWEST));
    if (take(port) && (await isFree(port))) found.add(port);
  }
  if (found.size < count) throw new BenchError(`fewer than ${count} ports are free from ${LOWEST} to ${end}`);
  return [...found];
}

/** One port of {@link freePorts}. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new BenchError("no port is free");
  return port;
}

/** The files of this process. */
const own = new Set<string>();

/** False where a living process has taken it. Called again by its owner it is false, too. */
function take(port: number): boolean {
  const file = join(TAKEN, String(port));
  mkdirSync(TAKEN, { recursive: true });
  try {
    if (isRunning(Number(readFileSync(file, "utf8")))) return false;
    rmSync(file, { force: true });
  } catch {
    // No process has it.
  }
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
  } catch {
    return false;
  }
  if (own.size === 0) process.once("exit", release);
  own.add(file);
  return true;
}

function release(): void {
  for (const file of own) rmSync(file, { force: true });
}

function isRunning(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
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
