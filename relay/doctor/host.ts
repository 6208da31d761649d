/** The machine, or the part of it that a container has. */
import { access, constants, statfs } from "node:fs/promises";
import { type Config, formatBytes } from "../config/index.ts";
import type { DoctorCode } from "./codes.ts";
import type { Finding, ReadHost } from "./contract.ts";

/** Files that a process needs besides those of its sessions. */
const SPARE_FILES = 1_024;
/** Least memory in bytes with which a relay serves some hundred viewers. */
const LEAST_MEMORY = 256 * 2 ** 20;
/** Least space of the state's disk, in bytes: it holds certificates and keys. */
const LEAST_SPACE = 64 * 2 ** 20;
/** UDP payload that every path of QUIC must carry (RFC 9000 section 14), and the headers of IPv6 and UDP. */
const LEAST_MTU = 1_200 + 48;
/** First kernels with UDP segmentation (GSO) and with UDP_GRO. */
const GSO_KERNEL = 4.18;
const GRO_KERNEL = 5;

export async function examineHost(read: ReadHost, config: Config): Promise<Finding[]> {
  const found = await Promise.all([
    openFiles(read, config),
    offload(read),
    memory(read),
    cpu(read),
    swap(read),
    ipv6(read, config),
    timeSync(read),
    disk(config.tls.stateDir),
  ]);
  return [...found, ...(await interfaces(read))];
}

function skipped(code: DoctorCode, subject: string): Finding {
  return { code, status: "skipped", subject, text: "cannot be read here; look on the host" };
}

async function openFiles(read: ReadHost, { limits }: Config): Promise<Finding> {
  const [code, subject] = ["open_files", "open files (ulimit -n)"] as const;
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec((await read("/proc/self/limits")) ?? "")?.[1];
  if (soft === undefined) return skipped(code, subject);
  const wanted = limits.sessions + SPARE_FILES;
  if (soft === "unlimited" || Number(soft) >= wanted) return { code, status: "ok", subject, text: soft };
  const text = `${soft}, wanted ${wanted}: each session over WebSocket needs one, and [limits] sessions is ${limits.sessions}`;
  const remedy = `\`LimitNOFILE=${wanted}\` in the systemd unit, or \`ulimit -n ${wanted}\``;
  return { code, status: Number(soft) < SPARE_FILES ? "fail" : "warn", subject, text, remedy };
}

async function offload(read: ReadHost): Promise<Finding> {
  const [code, subject] = ["udp_offload", "UDP offload (GSO, GRO)"] as const;
  const release = await read("/proc/sys/kernel/osrelease");
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release ?? "") ?? [];
  if (major === undefined || minor === undefined) return skipped(code, subject);
  const version = Number(major) + Number(minor) / 100;
  const missing = [...(version < GSO_KERNEL ? ["GSO (4.18)"] : []), ...(version < GRO_KERNEL ? ["GRO (5.0)"] : [])];
  if (missing.length === 0) return { code, status: "ok", subject, text: `Linux ${release} has both` };
  const text = `Linux ${release} lacks ${missing.join(" and ")}: QUIC costs several times the CPU`;
  return { code, status: "warn", subject, text, remedy: "use a newer kernel" };
}

async function memory(read: ReadHost): Promise<Finding> {
  const [code, subject] = ["memory_limit", "memory"] as const;
  const total = /^MemTotal:\s+(\d+) kB/m.exec((await read("/proc/meminfo")) ?? "")?.[1];
  const cgroup =
    (await read("/sys/fs/cgroup/memory.max")) ?? (await read("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
  const machine = total === undefined ? Number.POSITIVE_INFINITY : Number(total) * 1_024;
  // Cgroup v2 says `max` for no limit, v1 a number above every machine's memory.
  const limit = Number(cgroup) > 0 ? Number(cgroup) : Number.POSITIVE_INFINITY;
  const least = Math.min(machine, limit);
  if (!Number.isFinite(least)) return skipped(code, subject);
  const where = limit < machine ? "the limit of the cgroup" : "that of the machine";
  const text = `${formatBytes(Math.floor(least / 2 ** 20) * 2 ** 20)}, ${where}`;
  if (least >= LEAST_MEMORY) return { code, status: "ok", subject, text };
  const remedy = `give the process at least ${formatBytes(LEAST_MEMORY)}, or lower [cache] bytes and [limits] sessions`;
  return { code, status: "warn", subject, text, remedy };
}

/** `cpu.max` of cgroup v2, or quota and period of v1. */
async function cpu(read: ReadHost): Promise<Finding> {
  const [code, subject] = ["cpu_limit", "CPU"] as const;
  const [quota, period] = (await read("/sys/fs/cgroup/cpu.max"))?.split(" ") ?? [
    await read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
    await read("/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
  ];
  if (quota === undefined || period === undefined) return skipped(code, subject);
  const cpus = Number(quota) / Number(period);
  if (!Number.isFinite(cpus) || cpus < 0) return { code, status: "ok", subject, text: "no limit" };
  const text = `the cgroup allows ${cpus.toFixed(2)} CPUs`;
  if (cpus >= 1) return { code, status: "ok", subject, text };
  const remedy = "allow at least one whole CPU: a throttled relay stands still for up to 100 ms at a time";
  return { code, status: "warn", subject, text, remedy };
}

async function swap(read: ReadHost): Promise<Finding> {
  const [code, subject] = ["swap", "swap"] as const;
  const info = (await read("/proc/meminfo")) ?? "";
  const [total, free] = ["SwapTotal", "SwapFree"].map(
    (name) => new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(info)?.[1],
  );
  if (total === undefined || free === undefined) return skipped(code, subject);
  const used = (Number(total) - Number(free)) * 1_024;
  if (used <= 0) return { code, status: "ok", subject, text: total === "0" ? "none" : "none in use" };
  const text = `${Math.ceil(used / 2 ** 20)} MiB in use: a relay whose memory is on a disk stalls`;
  return { code, status: "warn", subject, text, remedy: "`MemorySwapMax=0` in the systemd unit, or more memory" };
}

async function ipv6(read: ReadHost, { server }: Config): Promise<Finding> {
  const [code, subject] = ["ipv6", "IPv6"] as const;
  const off = await read("/proc/sys/net/ipv6/conf/all/disable_ipv6");
  const addresses = (await read("/proc/net/if_inet6")) ?? "";
  // The fourth column is the scope; 00 is global.
  const global = addresses.split("\n").some((line) => line.split(/\s+/)[3] === "00");
  if (off !== "1" && global) return { code, status: "ok", subject, text: "on, with an address of its own" };
  if (server.host !== "::") return { code, status: "ok", subject, text: `not needed: [server] host is ${server.host}` };
  const text = off === "0" ? "on, without a global address" : "off";
  const remedy =
    "viewers of networks with IPv6 alone do not reach this relay: give the machine an address, if your network has IPv6";
  return { code, status: "warn", subject, text, remedy };
}

async function interfaces(read: ReadHost): Promise<Finding[]> {
  const code = "interface_mtu";
  const table = await read("/proc/net/dev");
  const names = (table ?? "").split("\n").flatMap((line) => /^\s*([\w.@-]+):/.exec(line)?.[1] ?? []);
  const mtus = await Promise.all(
    names.map(async (name) => [name, Number(await read(`/sys/class/net/${name}/mtu`))] as const),
  );
  const known = mtus.filter(([name, mtu]) => name !== "lo" && mtu > 0);
  if (known.length === 0) return [skipped(code, "MTU")];
  return known.map(([name, mtu]): Finding => {
    const subject = `MTU of ${name}`;
    if (mtu >= LEAST_MTU) return { code, status: "ok", subject, text: `${mtu} bytes` };
    const text = `${mtu} bytes, wanted ${LEAST_MTU}: QUIC needs packets of 1200 bytes, and no session comes through here`;
    return { code, status: "fail", subject, text, remedy: `\`ip link set dev ${name} mtu 1500\`` };
  });
}

async function timeSync(read: ReadHost): Promise<Finding> {
  const [code, subject] = ["time_sync", "time synchronisation"] as const;
  if ((await read("/run/systemd/timesync/synchronized")) !== undefined)
    return { code, status: "ok", subject, text: "systemd-timesyncd keeps the clock right" };
  const programs = [
    ["/run/chrony/chronyd.pid", "chrony"],
    ["/run/chronyd.pid", "chrony"],
    ["/run/ntpd.pid", "ntpd"],
  ] as const;
  for (const [file, name] of programs) {
    if ((await read(file)) !== undefined) return { code, status: "ok", subject, text: `${name} runs` };
  }
  const remedy =
    "`timedatectl set-ntp true`; in a container the host does it; `moqmesh doctor --ntp HOST` compares the clock";
  return { code, status: "skipped", subject, text: "no known program was found", remedy };
}

async function disk(folder: string): Promise<Finding> {
  const [code, subject] = ["state_disk", folder] as const;
  try {
    const { bavail, bsize, ffree, files } = await statfs(folder);
    await access(folder, constants.W_OK);
    const free = bavail * bsize;
    const text = `${Math.floor(free / 2 ** 20)} MiB free`;
    if (free >= LEAST_SPACE && (files === 0 || ffree > 0)) return { code, status: "ok", subject, text };
    return { code, status: "fail", subject, text, remedy: "make room: new certificates and keys cannot be stored" };
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (missing) return { code, status: "ok", subject, text: "does not exist yet; the relay makes it" };
    const text = `cannot be written: ${error instanceof Error ? error.message : String(error)}`;
    return { code, status: "fail", subject, text, remedy: "give it to the relay's user" };
  }
}
