import { readFileSync } from "node:fs";
import { PATH_KEYS } from "../lab/path/index.ts";
import { protocols } from "../moq/session/index.ts";
import { capabilities as ietf } from "../moq/wire/ietf/index.ts";
import { capabilities as lite } from "../moq/wire/lite/index.ts";
import { columns, type Flags, flagLines, readFlags, seconds, text, UsageError, type Values, whole } from "./flags.ts";
import type { TrustSpec } from "./load/messages.ts";
import { pathOf } from "./path/options.ts";
import { MOQ_RELAY_BUILDS, type MoqRelayBuild } from "./relays/moq-relay.ts";
import { SCENARIOS, type Scenario } from "./scenarios.ts";
import { type Pinning, parseCores } from "./system/pin.ts";

export interface FanoutOptions {
  readonly scenario: Scenario;
  readonly viewers: number;
  /** Length of the measured window and of the warm-up before it, in seconds. */
  readonly seconds: number;
  readonly warmup: number;
  readonly rounds: number;
  /** `[server] engine` of our relay. */
  readonly engine: string;
  /** `[server] threads` of our relay; absent: its default. */
  readonly threads: number | undefined;
  /** Engine of publisher and viewers. */
  readonly loadEngine: string;
  /** Protocols to offer, preferred first. */
  readonly protocols: readonly string[];
  /** A relay that runs already, instead of ours. */
  readonly url: URL | undefined;
  readonly pid: number | undefined;
  readonly trust: TrustSpec;
  /** What is measured in alternating rounds: another relay, or the same one with another protocol. */
  readonly against: MoqRelayBuild | { readonly protocol: string } | undefined;
  /** Bad networks between the relay and its viewers, or its publisher; as written on the command line. */
  readonly paths: { readonly viewers: string | undefined; readonly publisher: string | undefined };
  readonly audienceProcesses: number;
  /** Absent: do not pin. */
  readonly pinning: Pinning | undefined;
  readonly json: boolean;
}

/** Offered unless the command line says otherwise. */
const STANDARD: readonly string[] = protocols([]);

const FLAGS: Flags = {
  scenario: { value: "NAME", text: `What is sent: ${[...SCENARIOS.keys()].join(", ")} (default video).` },
  viewers: { value: "N", text: "Viewers, one session each (default: the scenario's)." },
  seconds: { value: "S", text: "Length of the measured window (default 10)." },
  warmup: { value: "S", text: "Time at full load before the window (default 3)." },
  rounds: { value: "N", text: "Rounds; the table has their medians (default 1, with --against 3)." },
  engine: { value: "NAME", text: "QUIC engine of our relay (default auto)." },
  threads: { value: "N", text: "Threads of our relay's engine (default: its own)." },
  "load-engine": { value: "NAME", text: "QUIC engine of publisher and viewers (default auto)." },
  protocol: { value: "LIST", text: `Protocols to offer, preferred first (default ${STANDARD.join(",")}).` },
  url: { value: "URL", text: "Measure the relay at URL instead of starting ours." },
  token: { value: "FILE", text: "Send the token in FILE to --url; MOQMESH_TOKEN may contain the token itself." },
  pid: { value: "PID", text: "Process id of the relay at --url, to measure its CPU and memory." },
  fingerprint: { value: "HEX", text: "Trust only the certificate with this SHA-256 at --url." },
  insecure: { text: "Trust any certificate at --url." },
  against: {
    value: "WHAT",
    text: `Also measure ${MOQ_RELAY_BUILDS.join(" or ")}, or the same relay with another protocol, such as moq-lite-05, in alternating rounds, and print ratios.`,
  },
  path: {
    value: "SPEC",
    text: `A bad network between relay and viewers, such as "delay=20 loss=0.05 burst=4"; keys: ${PATH_KEYS.join(", ")}.`,
  },
  "publisher-path": { value: "SPEC", text: "The same between publisher and relay." },
  "audience-processes": { value: "N", text: "Processes for the viewers (default 1)." },
  "relay-cores": { value: "LIST", text: "Cores of the relay, such as 0 or 0-3 (default 0)." },
  "load-cores": { value: "LIST", text: "Cores of publisher and viewers (default 1)." },
  "no-pin": { text: "Do not pin processes to cores; CPU figures are less exact then." },
  json: { text: "Print one JSON object instead of the table." },
  help: { text: "Show this text." },
};

/** WebTransport, and WebSocket. */
const SCHEMES = ["https:", "http:", "wss:", "ws:"];

const MOST_THREADS = 64;

export function fanoutHelp(): string {
  const scenarios = [...SCENARIOS.values()].map(({ name, summary, viewers }): [string, string] => [
    name,
    `${summary}; ${viewers} viewers`,
  ]);
  return [
    "Usage: npm run bench -- fanout [options]",
    "",
    "Sends a publisher's broadcast through a relay to many viewers and measures the relay's CPU, memory and latency.",
    "",
    "Options:",
    ...flagLines(FLAGS),
    "",
    "Scenarios:",
    ...columns(scenarios),
    "",
    "Exit codes: 0 measured, 1 failed, 2 wrong command line, 3 measured but void (the load was the bottleneck, not the relay).",
    "",
  ].join("\n");
}

/** Parses the arguments after `fanout`; `help` for --help. Throws {@link UsageError}. */
export function parseFanout(args: readonly string[]): FanoutOptions | "help" {
  const values = readFlags(FLAGS, args);
  if (values.get("help") === true) return "help";
  const scenario = scenarioOf(text(values, "scenario") ?? "video");
  const against = againstOf(text(values, "against"));
  const url = withToken(urlOf(text(values, "url")), text(values, "token"), process.env["MOQMESH_TOKEN"]);
  for (const name of ["token", "pid", "fingerprint", "insecure"]) {
    if (values.has(name) && url === undefined) throw new UsageError(`--${name} needs --url`);
  }
  for (const name of ["engine", "threads"]) {
    if (values.has(name) && url !== undefined)
      throw new UsageError(`--${name} configures our own relay and cannot be used with --url`);
  }
  if (scenario.cacheBytes !== undefined && url !== undefined)
    throw new UsageError(
      `--scenario ${scenario.name} sets the cache of the relays that the bench starts; it cannot be used with --url`,
    );
  const windowS = seconds(values, "seconds") ?? 10;
  const paths = { viewers: pathOf(values, "path", windowS), publisher: pathOf(values, "publisher-path", windowS) };
  const trust = trustOf(text(values, "fingerprint"), values.get("insecure") === true);
  if (url !== undefined && (paths.viewers ?? paths.publisher) !== undefined) throughPath(url, trust);
  const viewers = whole(values, "viewers") ?? scenario.viewers;
  const audienceProcesses = whole(values, "audience-processes") ?? 1;
  if (audienceProcesses > viewers) throw new UsageError("--audience-processes must not exceed --viewers");
  return {
    scenario,
    viewers,
    seconds: windowS,
    warmup: seconds(values, "warmup") ?? 3,
    rounds: whole(values, "rounds") ?? (against === undefined ? 1 : 3),
    engine: text(values, "engine") ?? "auto",
    threads: whole(values, "threads", MOST_THREADS),
    loadEngine: text(values, "load-engine") ?? "auto",
    protocols: protocolsOf(text(values, "protocol")),
    url,
    pid: whole(values, "pid", 2 ** 31),
    trust,
    against,
    paths,
    audienceProcesses,
    pinning: pinningOf(values),
    json: values.get("json") === true,
  };
}

function scenarioOf(name: string): Scenario {
  const scenario = SCENARIOS.get(name);
  if (scenario !== undefined) return scenario;
  throw new UsageError(`--scenario: "${name}" is unknown; use one of ${[...SCENARIOS.keys()].join(", ")}`);
}

function againstOf(name: string | undefined): FanoutOptions["against"] {
  const build = MOQ_RELAY_BUILDS.find((one) => one === name);
  if (name === undefined || build !== undefined) return build;
  if (isSpoken(name)) return { protocol: name };
  const builds = MOQ_RELAY_BUILDS.join(" or ");
  throw new UsageError(
    `--against: the bench can start only ${builds}, and "${name}" is no protocol of the load either; measure other relays with --url`,
  );
}

function urlOf(address: string | undefined): URL | undefined {
  if (address === undefined) return undefined;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url !== undefined && SCHEMES.includes(url.protocol)) return url;
  throw new UsageError(`--url: "${address}" is not the URL of a relay, such as https://relay.example:4443/`);
}

/** A token in the URL overrides the variable. */
function withToken(url: URL | undefined, file: string | undefined, variable: string | undefined): URL | undefined {
  if (url === undefined) return undefined;
  const inUrl = url.searchParams.has("jwt");
  if (file !== undefined && inUrl) throw new UsageError("--url and --token both have a token; use one of them");
  const token = file === undefined ? variable?.trim() : readToken(file);
  if (token !== undefined && token !== "" && !inUrl) url.searchParams.set("jwt", token);
  return url;
}

function readToken(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    throw new UsageError(`--token: "${file}" cannot be read`);
  }
}

function protocolsOf(list: string | undefined): readonly string[] {
  if (list === undefined) return STANDARD;
  const names = list.split(",").map((name) => name.trim());
  for (const name of names) {
    if (!isSpoken(name)) throw new UsageError(`--protocol: the load does not support "${name}"`);
  }
  return names;
}

/** Whether the load has sessions of this protocol. */
function isSpoken(name: string): boolean {
  return lite(name) !== undefined || ietf(name)?.requestStreams === true;
}

function trustOf(fingerprint: string | undefined, insecure: boolean): TrustSpec {
  if (fingerprint === undefined) return { kind: insecure ? "insecure" : "system" };
  if (insecure) throw new UsageError("use only one of --fingerprint and --insecure");
  const sha256 = fingerprint.replaceAll(":", "").toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new UsageError("--fingerprint: expected 64 hexadecimal digits (SHA-256)");
  return { kind: "hash", sha256 };
}

/** Whether a relay can be reached through a path, which forwards UDP and is at another address than the relay. */
function throughPath(url: URL, trust: TrustSpec): void {
  if (!["https:", "http:"].includes(url.protocol)) throw new UsageError("--path carries QUIC only; use an https: URL");
  if (trust.kind === "system" && url.protocol === "https:")
    throw new UsageError(
      "--path with --url needs --fingerprint or --insecure: the relay is dialled at another address",
    );
}

function pinningOf(values: Values): Pinning | undefined {
  const cores = (name: string, standard: string) => {
    const list = text(values, name) ?? standard;
    const parsed = parseCores(list);
    if (parsed === undefined) throw new UsageError(`--${name}: expected cores such as 0 or 1-3, not "${list}"`);
    return parsed;
  };
  const pinning = { relay: cores("relay-cores", "0"), load: cores("load-cores", "1") };
  return values.get("no-pin") === true ? undefined : pinning;
}
