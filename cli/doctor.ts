import { DOCTOR_MEANINGS } from "../relay/doctor/codes.ts";
import { openLog } from "../relay/log/index.ts";
import type { Command, Invocation } from "./command.ts";
import { loadConfigured } from "./configured.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { type Io, styles, wrap } from "./io.ts";

/** Characters before the text of a finding. */
const INDENT = 9;

export const doctorCommand: Command = {
  name: "doctor",
  summary: "Examine the machine and the network of a relay, and say what to do.",
  description: [
    "Examines, for the relay of FILE: Node, the native engine, everything that `check` opens, ports, open files, settings of the kernel, limits of memory and CPU, swap, IPv6, MTU, clock, disk, whether each root accepts a session of this relay, and whether the relay is reached over UDP and TCP under its own URL. When the relay does not run, its public port is opened for that probe. It needs no rights of an administrator; what cannot be found out, as in a container, is skipped.",
    "Each finding is ok, warn, fail or skip, with a code, and with what to do. The exit code is 1 when something fails, and 3 when the configuration cannot be loaded.",
  ],
  positionals: [{ name: "FILE", required: false, description: "Configuration file; without it, the defaults." }],
  options: [
    { name: "json", description: "Print one JSON object." },
    {
      name: "sysctl",
      description: "Print a file for /etc/sysctl.d with the settings of the kernel, and examine nothing.",
    },
    { name: "ntp", value: "HOST", description: "Compare the clock with this NTP server, `HOST` or `HOST:PORT`." },
    { name: "offline", description: "Leave out the roots." },
    { name: "no-listen", description: "When the relay does not run, do not open its public port for a probe." },
  ],
  takesConfig: true,
  codes: DOCTOR_MEANINGS,
  examples: [
    "doctor relay.toml",
    "doctor relay.toml --ntp pool.ntp.org",
    "doctor --sysctl",
    "doctor relay.toml --json",
  ],
  run,
};

async function run(invocation: Invocation, io: Io): Promise<ExitCode> {
  const { switches, values } = invocation;
  const loaded = loadConfigured(invocation, io);
  const { examine, start, sysctlFile } = await import("../relay/main.ts");
  if (switches.has("sysctl")) {
    io.out.write(sysctlFile(loaded.config));
    return EXIT.ok;
  }
  const { log, ...logParts } = openLog({ ...loaded.config.log, level: "fatal" });
  const listen = (config: typeof loaded.config) => start(config, { log, logParts });
  const found = await examine(loaded, {
    ntp: values.get("ntp"),
    offline: switches.has("offline"),
    ...(!switches.has("no-listen") && { listen }),
  });
  await logParts.output.close();
  const failed = found.filter(({ status }) => status === "fail").length;
  const warned = found.filter(({ status }) => status === "warn").length;
  if (switches.has("json")) {
    io.out.write(`${JSON.stringify({ ok: failed === 0, failed, warned, findings: found }, null, 2)}\n`);
    return failed === 0 ? EXIT.ok : EXIT.failed;
  }
  const { bold, dim } = styles(io.out, io.env);
  for (const { status, subject, text, remedy, code } of found) {
    const shown = status === "skipped" ? "skip" : status;
    const mark = shown.padEnd(INDENT - 2);
    const lines = wrap(`${subject}: ${text}`, Math.max(io.out.columns - INDENT, 40));
    io.out.write(
      `${status === "ok" || status === "skipped" ? dim(mark) : bold(mark)}  ${lines.join(`\n${" ".repeat(INDENT)}`)} ${dim(`[${code}]`)}\n`,
    );
    for (const line of remedy === undefined ? [] : wrap(`-> ${remedy}`, Math.max(io.out.columns - INDENT, 40))) {
      io.out.write(`${" ".repeat(INDENT)}${line}\n`);
    }
  }
  io.out.write(`\n${failed} failed, ${warned} to look at, ${found.length} findings\n`);
  return failed === 0 ? EXIT.ok : EXIT.failed;
}
