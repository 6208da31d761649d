import { setTimeout as sleep } from "node:timers/promises";
import { printableJson } from "../../moq/printable.ts";
import { parseBytes, parseFraction, parseWhole, UnitError } from "../../relay/config/index.ts";
import { type Command, type Invocation, UsageError } from "../command.ts";
import { checkProtocols } from "../dial.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Library } from "../explain.ts";
import type { Io } from "../io.ts";
import { onSignals } from "../signals.ts";
import { type Step, stepText } from "../step.ts";
import { readDuration, readTokenFile, type Target, TRUST_OPTIONS, targetOf, timeoutOption } from "../target.ts";
import type { Plan, Thresholds } from "./contract.ts";
import { HopNames } from "./hop-names.ts";
import { reportJson } from "./json.ts";
import { runProbe } from "./run.ts";
import { reportText, runLine, titleText } from "./text.ts";
import { Textfile } from "./textfile.ts";
import { exitOf, findings } from "./verdict.ts";

const TIMEOUT_DEFAULT = "10s";
const DURATION_DEFAULT = "10s";
const RATE_DEFAULT = "30";
const SIZE_DEFAULT = "1200";

/** Bounds of the options: memory and work of one run stay small. */
const MAX_DURATION_MS = 600_000;
const MAX_RATE = 1_000;
const MAX_FRAME_BYTES = 2 ** 20;
const MAX_WATCHED = 16;

export const probeCommand: Command = {
  name: "probe",
  summary: "Send a test broadcast through the mesh and measure it.",
  description: [
    "Publishes a track at one relay and watches it at one or several others, over the whole way that a real broadcast takes: the time until it is announced, the time until the first frame, the delay of each frame (publisher and viewers are one process, so they have one clock), lost and duplicate frames, and the relays on the way. The broadcast has a random name that nobody can guess, under a prefix that the tokens of both sides grant, and ends with the command.",
    "The exit code is 0 when every watched relay delivers within --max-delay and --max-loss, 1 when one does not or a session ends, 4 when a relay cannot be reached, 5 when the broadcast is not announced or no frame arrives in time, and 6 when a relay refuses.",
    "With --interval it repeats until a signal, prints a line for each run, and goes on after a failure: a canary. SIGTERM then ends it with 0. --prometheus writes the figures of the last run for the textfile collector of node_exporter.",
  ],
  positionals: [],
  options: [
    { name: "publish", value: "URL", description: "The relay to publish at, as for `ping`." },
    {
      name: "watch",
      value: "URL",
      description: `A relay to watch at; may be given up to ${MAX_WATCHED} times (default: the relay of --publish).`,
    },
    {
      name: "prefix",
      value: "PATH",
      description:
        "Publish under this path, relative to that of the URL (default: the first one that the tokens grant).",
    },
    { name: "duration", value: "TIME", description: `Measure for so long, at most 10m (default ${DURATION_DEFAULT}).` },
    { name: "rate", value: "N", description: `Frames per second, at most ${MAX_RATE} (default ${RATE_DEFAULT}).` },
    { name: "size", value: "BYTES", description: `Bytes of a frame, at most 1MiB (default ${SIZE_DEFAULT}).` },
    { name: "max-delay", value: "TIME", description: "Fail when 1 % of the frames of a watched relay take longer." },
    {
      name: "max-loss",
      value: "SHARE",
      description: "Fail when a watched relay loses more of the frames, such as 0.1%.",
    },
    {
      name: "interval",
      value: "TIME",
      description: "Run again and again, with so much between the starts of two runs.",
    },
    { name: "prometheus", value: "FILE", description: "Write the figures of each run to FILE, such as moqmesh.prom." },
    { name: "json", description: "Print one JSON object; with --interval one a line for each run." },
    {
      name: "publish-token-file",
      value: "FILE",
      description: "The token for --publish, in place of --token and MOQMESH_TOKEN.",
    },
    {
      name: "watch-token-file",
      value: "FILE",
      description: "The token for every --watch, in place of --token and MOQMESH_TOKEN.",
    },
    {
      name: "admin",
      value: "URL",
      description: "The admin listener of a watched relay, which names the relays on the way.",
    },
    { name: "admin-token-file", value: "FILE", description: "The secret or token for --admin." },
    timeoutOption(TIMEOUT_DEFAULT),
    ...TRUST_OPTIONS,
  ],
  takesConfig: false,
  examples: [
    "probe --publish http://localhost:4443/",
    "probe --publish https://origin.example/ --watch https://edge.example/",
    "probe --publish https://a.example/ --max-delay 200ms --max-loss 0.1%",
    "probe --publish https://a.example/ --interval 1m --prometheus m.prom",
  ],
  run,
};

async function run(invocation: Invocation, io: Io): Promise<ExitCode> {
  const { values, switches } = invocation;
  const library = await import("../../relay/client/index.ts");
  const plan = planOf(invocation, io, library);
  const thresholds = thresholdsOf(invocation);
  const canary = values.has("interval");
  const intervalMs = readDuration(invocation, "interval", "0s");
  const file = values.get("prometheus");
  const textfile = file === undefined ? undefined : new Textfile(file);
  const json = switches.has("json");
  const quiet = json || canary;

  const stop = new AbortController();
  let terminated = false;
  const end = (signal?: string) => {
    terminated = signal === "SIGTERM";
    stop.abort();
  };
  const stopListening = onSignals({ terminal: true, end, endNow: end, reload: end });
  const counts = { passed: 0, failed: 0 };
  const say = (step: Step) => {
    if (!quiet) io.out.write(stepText(step, io.out.columns));
  };
  try {
    if (!quiet) io.out.write(titleText(plan));
    for (;;) {
      const started = performance.now();
      const report = await runProbe(plan, stop.signal, say);
      const found = findings(report, thresholds);
      if (canary && stop.signal.aborted) break;
      counts[found.length === 0 ? "passed" : "failed"]++;
      await textfile?.write(report, found, Date.now());
      if (json) io.out.write(`${printableJson(reportJson(report, found), canary ? undefined : 2)}\n`);
      else io.out.write(canary ? runLine(report, found, new Date()) : reportText(report, found));
      if (!canary) return exitOf(report, found);
      await sleep(Math.max(0, intervalMs - (performance.now() - started)), undefined, { signal: stop.signal }).catch(
        () => {},
      );
      if (stop.signal.aborted) break;
    }
  } finally {
    stopListening();
  }
  if (!json) io.out.write(`${counts.passed + counts.failed} runs: ${counts.passed} passed, ${counts.failed} failed\n`);
  return terminated ? EXIT.ok : EXIT.interrupted;
}

function planOf(invocation: Invocation, io: Io, library: Library): Plan {
  const { values, lists } = invocation;
  const address = values.get("publish");
  if (address === undefined) throw new UsageError("--publish URL is missing");
  const watched = lists.get("watch") ?? [address];
  if (watched.length > MAX_WATCHED) throw new UsageError(`--watch: at most ${MAX_WATCHED} relays can be watched`);
  const target = (at: string, tokenOption: string) =>
    targetOf(invocation, io, { address: at, tokenOption, timeout: TIMEOUT_DEFAULT });
  const prefix = values.get("prefix");
  const publish = target(address, "publish-token-file");
  const hopNames = hopNamesOf(invocation, publish.trust, library);
  checkProtocols(publish, library.PROTOCOLS);
  return {
    library,
    publish,
    watch: watched.map((at) => target(at, "watch-token-file")),
    ...(prefix !== undefined && { prefix }),
    durationMs: bounded("duration", readDuration(invocation, "duration", DURATION_DEFAULT), 1, MAX_DURATION_MS),
    framesPerSecond: bounded("rate", parseWhole(values.get("rate") ?? RATE_DEFAULT), 1, MAX_RATE),
    frameBytes: bounded("size", sizeOf(values.get("size")), library.PROBE_HEADER_BYTES, MAX_FRAME_BYTES),
    ...(hopNames !== undefined && { hopNames }),
  };
}

function hopNamesOf({ values }: Invocation, trust: Target["trust"], library: Library): HopNames | undefined {
  const text = values.get("admin");
  const file = values.get("admin-token-file");
  if (text === undefined) {
    if (file !== undefined) throw new UsageError("--admin-token-file needs --admin URL");
    return undefined;
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    throw new UsageError(`--admin: "${text}" is not the URL of an admin listener, such as http://127.0.0.1:4444/`);
  }
  const token = file === undefined ? undefined : readTokenFile(file, "admin-token-file");
  return new HopNames({ url, trust, ...(token !== undefined && { token }) }, library);
}

function thresholdsOf(invocation: Invocation): Thresholds {
  const { values } = invocation;
  const loss = values.get("max-loss");
  return {
    ...(values.has("max-delay") && { maxDelayMs: readDuration(invocation, "max-delay", "0s") }),
    ...(loss !== undefined && { maxLoss: inUnits("max-loss", () => parseFraction(loss)) }),
  };
}

function sizeOf(text = SIZE_DEFAULT): number {
  return inUnits("size", () => parseBytes(text));
}

function inUnits(name: string, parse: () => number): number {
  try {
    return parse();
  } catch (error) {
    if (error instanceof UnitError) throw new UsageError(`--${name}: ${error.message}`);
    throw error;
  }
}

function bounded(name: string, value: number | undefined, least: number, most: number): number {
  if (value !== undefined && value >= least && value <= most) return value;
  throw new UsageError(`--${name} must be from ${least} to ${most}`);
}
