/** Settings of the kernel that a relay needs, with what they are for. */
import type { Config } from "../config/index.ts";
import type { Finding, ReadHost } from "./contract.ts";

/** One setting. Its file in /proc/sys has whole numbers. */
interface Setting {
  readonly name: string;
  /** Least value of what `measure` gives. */
  readonly wanted: (config: Config) => number;
  readonly measure: (numbers: readonly number[]) => number;
  /** The unit behind the numbers in texts. */
  readonly unit: string;
  /** For the sysctl file; default: the wanted value. `keep`: it is not in the file, because the kernel's own value fits the machine. */
  readonly written?: string;
  readonly reason: string;
  /** The setting exists only while a module is loaded. */
  readonly optional?: true;
}

const first = (numbers: readonly number[]) => numbers[0] ?? 0;
const last = (numbers: readonly number[]) => numbers.at(-1) ?? 0;

/** Pages of 4 KiB: 256 MiB. */
const UDP_PAGES = 65_536;

const SETTINGS: readonly Setting[] = [
  {
    name: "net.core.rmem_max",
    wanted: ({ quic }) => quic.socketBuffer,
    measure: first,
    unit: "bytes",
    reason:
      "largest receive buffer of a socket: what [quic] socket_buffer asks for. A small one drops packets in bursts",
  },
  {
    name: "net.core.wmem_max",
    wanted: ({ quic }) => quic.socketBuffer,
    measure: first,
    unit: "bytes",
    reason:
      "largest send buffer of a socket: what [quic] socket_buffer asks for. A small one blocks the engine at each key frame",
  },
  {
    name: "net.core.netdev_max_backlog",
    wanted: () => 4_096,
    measure: first,
    unit: "packets",
    reason: "packets that wait between the network card and the sockets of one CPU; further ones are dropped",
  },
  {
    name: "net.core.somaxconn",
    wanted: () => 1_024,
    measure: first,
    unit: "connections",
    written: "4096",
    reason: "TCP connections that wait to be accepted, as when all viewers reconnect at once",
  },
  {
    name: "net.ipv4.udp_mem",
    wanted: () => UDP_PAGES,
    measure: last,
    unit: "pages",
    written: "keep",
    reason:
      "memory of all UDP sockets together, in pages; above the last number the kernel drops packets. The kernel chooses it by the memory of the machine",
  },
  {
    name: "net.ipv4.ip_local_port_range",
    wanted: () => 16_384,
    measure: (numbers) => last(numbers) - first(numbers) + 1,
    unit: "ports",
    written: "32768 60999",
    reason: "ports of outgoing connections: to other relays, key servers and webhooks",
  },
  {
    name: "net.netfilter.nf_conntrack_max",
    wanted: ({ limits }) => Math.max(2 * limits.sessions, 65_536),
    measure: first,
    unit: "connections",
    written: "262144",
    reason:
      "connections that the firewall follows, UDP included; further clients get no answer. It exists only with a firewall that follows connections",
    optional: true,
  },
];

export async function examineKernel(read: ReadHost, config: Config): Promise<Finding[]> {
  const findings = SETTINGS.map(async (setting): Promise<Finding[]> => {
    const { name, measure, unit, reason, optional } = setting;
    const code = "kernel_setting";
    const text = await read(`/proc/sys/${name.replaceAll(".", "/")}`);
    const numbers = text?.split(/\s+/).map(Number) ?? [];
    if (text === undefined || numbers.some((one) => !Number.isFinite(one))) {
      if (optional) return [];
      return [{ code, status: "skipped", subject: name, text: "cannot be read here; look on the host" }];
    }
    const [measured, wanted] = [measure(numbers), setting.wanted(config)];
    if (measured >= wanted) return [{ code, status: "ok", subject: name, text: `${measured} ${unit}` }];
    if (setting.written === "keep") {
      const text = `${measured} ${unit}, wanted ${wanted}: ${reason}`;
      return [{ code, status: "warn", subject: name, text, remedy: "give the machine more memory, or raise it" }];
    }
    const remedy = `\`sysctl -w ${name}="${valueFor(setting, config)}"\`; \`moqmesh doctor --sysctl\` prints a file for /etc/sysctl.d`;
    return [{ code, status: "warn", subject: name, text: `${measured} ${unit}, wanted ${wanted}: ${reason}`, remedy }];
  });
  return (await Promise.all(findings)).flat();
}

/** The file for /etc/sysctl.d. */
export function sysctlFile(config: Config): string {
  const lines = SETTINGS.filter(({ written }) => written !== "keep").map((setting) => {
    // A dash: systemd-sysctl and procps ignore it where the setting does not exist.
    const dash = setting.optional ? "-" : "";
    return `# ${setting.reason}.\n${dash}${setting.name} = ${valueFor(setting, config)}\n`;
  });
  return `# Kernel settings of a moqmesh relay, printed by \`moqmesh doctor --sysctl\`. Copy it to /etc/sysctl.d and run \`sysctl --system\`.\n\n${lines.join("\n")}`;
}

function valueFor({ written, wanted }: Setting, config: Config): string {
  return written ?? String(wanted(config));
}
