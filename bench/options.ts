import { readFileSync } from "node:fs";
import { capabilities, STABLE_PROTOCOLS } from "../moq/wire/lite/index.ts";
import { columns, type Flags, flagLines, readFlags, seconds, text, UsageError, type Values, whole } from "./flags.ts";
import type { TrustSpec } from "./load/messages.ts";
import { SCENARIOS, type Scenario } from "./scenarios.ts";
import { type Pinning, parseCores } from "./system/pin.ts";

export interface FanoutOptions {
  readonly scenario: Scenario;
  readonly viewers: number;
  /** Length of the measured window and of the time before it, in seconds. */
  readonly seconds: number;
  readonly warmup: number;
  readonly rounds: number;
  /** `[server] engine` of our relay. */
  readonly engine: string;
  /** `[server] threads` of our relay; absent: its default. */
  readonly threads: number | undefined;
  /** Engine of publisher and viewers. */
  readonly loadEngine: string;
  /** Offered to the relay, best first. */
  readonly protocols: readonly string[];
  /** A relay that runs already, in place of ours. */
  readonly url: URL | undefined;
  readonly pid: number | undefined;
  readonly trust: TrustSpec;
  readonly against: "moq-relay" | undefined;
  readonly audienceProcesses: number;
  /** Absent: not to be pinned. */
  readonly pinning: Pinning | undefined;
  readonly json: boolean;
}

const FLAGS: Flags = {
  scenario: { value: "NAME", text: `What is sent: ${[...SCENARIOS.keys()].join(", ")} (default video).` },
  viewers: { value: "N", text: "Viewers, one session each (default: the scenario's)." },
  seconds: { value: "S", text: "Length of the measured window (default 10)." },
  warmup: { value: "S", text: "Time at full load before the window (default 3)." },
  rounds: { value: "N", text: "Rounds, of which medians are printed (default 1, with --against 3)." },
  engine: { value: "NAME", text: "QUIC engine of our relay (default auto)." },
  threads: { value: "N", text: "Threads of our relay's engine (default: its own)." },
  "load-engine": { value: "NAME", text: "QUIC engine of publisher and viewers (default auto)." },
  protocol: { value: "LIST", text: `Protocols to offer, best first (default ${STABLE_PROTOCOLS.join(",")}).` },
  url: { value: "URL", text: "Measure the relay that runs there instead of starting ours." },
  token: { value: "FILE", text: "Show the token in FILE at --url; MOQMESH_TOKEN holds a token itself." },
  pid: { value: "PID", text: "Its process, for CPU and memory." },
  fingerprint: { value: "HEX", text: "Trust the certificate with this SHA-256 and no other at --url." },
  insecure: { text: "Trust any certificate at --url." },
  against: { value: "RELAY", text: "Measure moq-relay as well, in turns, and print ratios." },
  "audience-processes": { value: "N", text: "Processes that the viewers are spread over (default 1)." },
  "relay-cores": { value: "LIST", text: "Cores of the relay, such as 0 or 0-3 (default 0)." },
  "load-cores": { value: "LIST", text: "Cores of publisher and viewers (default 1)." },
  "no-pin": { text: "Pin nothing; figures of CPU then say less." },
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
    "Sends one publisher's broadcast through a relay to many viewers and measures what that costs the relay.",
    "",
    "Options:",
    ...flagLines(FLAGS),
    "",
    "Scenarios:",
    ...columns(scenarios),
    "",
    "Exit codes: 0 measured, 1 failed, 2 wrong command line, 3 measured but void (the load was the bottleneck).",
    "",
  ].join("\n");
}

/** Understands the arguments after `fanout`; `help` when that is asked for. Throws {@link UsageError}. */
export function parseFanout(args: readonly string[]): FanoutOptions | "help" {
  const values = readFlags(FLAGS, args);
  if (values.get("help") === true) return "help";
  const scenario = scenarioOf(text(values, "scenario") ?? "video");
  const against = againstOf(text(values, "against"));
  const url = withToken(urlOf(text(values, "url")), text(values, "token"), process.env["MOQMESH_TOKEN"]);
  for (const name of ["token", "pid", "fingerprint", "insecure"]) {
    if (values.has(name) && url === undefined) throw new UsageError(`--${name} is of use with --url only`);
  }
  for (const name of ["engine", "threads"]) {
    if (values.has(name) && url !== undefined) throw new UsageError(`--${name} is for our own relay, not for --url`);
  }
  const viewers = whole(values, "viewers") ?? scenario.viewers;
  const audienceProcesses = whole(values, "audience-processes") ?? 1;
  if (audienceProcesses > viewers) throw new UsageError("--audience-processes: more than there are viewers");
  return {
    scenario,
    viewers,
    seconds: seconds(values, "seconds") ?? 10,
    warmup: seconds(values, "warmup") ?? 3,
    rounds: whole(values, "rounds") ?? (against === undefined ? 1 : 3),
    engine: text(values, "engine") ?? "auto",
    threads: whole(values, "threads", MOST_THREADS),
    loadEngine: text(values, "load-engine") ?? "auto",
    protocols: protocolsOf(text(values, "protocol")),
    url,
    pid: whole(values, "pid", 2 ** 31),
    trust: trustOf(text(values, "fingerprint"), values.get("insecure") === true),
    against,
    audienceProcesses,
    pinning: pinningOf(values),
    json: values.get("json") === true,
  };
}

function scenarioOf(name: string): Scenario {
  const scenario = SCENARIOS.get(name);
  if (scenario !== undefined) return scenario;
  throw new UsageError(`--scenario: there is no "${name}", only ${[...SCENARIOS.keys()].join(", ")}`);
}

function againstOf(name: string | undefined): "moq-relay" | undefined {
  if (name === undefined || name === "moq-relay") return name;
  throw new UsageError(`--against: only moq-relay can be started, not "${name}"; measure others with --url`);
}

function urlOf(address: string | undefined): URL | undefined {
  if (address === undefined) return undefined;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url !== undefined && SCHEMES.includes(url.protocol)) return url;
  throw new UsageError(`--url: "${address}" is not the address of a relay, such as https://relay.example:4443/`);
}

/** A token that is in the URL already goes before the variable. */
function withToken(url: URL | undefined, file: string | undefined, variable: string | undefined): URL | undefined {
  if (url === undefined) return undefined;
  const inUrl = url.searchParams.has("jwt");
  if (file !== undefined && inUrl) throw new UsageError("there is a token in --url and another in --token");
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
  if (list === undefined) return STABLE_PROTOCOLS;
  const names = list.split(",").map((name) => name.trim());
  for (const name of names) {
    if (capabilities(name) === undefined) throw new UsageError(`--protocol: the load does not speak "${name}"`);
  }
  return names;
}

function trustOf(fingerprint: string | undefined, insecure: boolean): TrustSpec {
  if (fingerprint === undefined) return { kind: insecure ? "insecure" : "system" };
  if (insecure) throw new UsageError("--fingerprint and --insecure exclude one another");
  const sha256 = fingerprint.replaceAll(":", "").toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new UsageError("--fingerprint: expected 64 hexadecimal digits (SHA-256)");
  return { kind: "hash", sha256 };
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
