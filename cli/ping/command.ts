import { setTimeout as sleep } from "node:timers/promises";
import { printableJson } from "../../moq/printable.ts";
import { parseWhole } from "../../relay/config/index.ts";
import { type Command, type Invocation, UsageError } from "../command.ts";
import { checkProtocols } from "../dial.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Io } from "../io.ts";
import { onSignals } from "../signals.ts";
import { type Step, stepText } from "../step.ts";
import { readDuration, type Target, TRUST_OPTIONS, targetOf, timeoutOption, URL_ARGUMENT } from "../target.ts";
import { WAYS, type Way } from "./contract.ts";
import { roundJson } from "./json.ts";
import { exitOf, plainRound, type Round, runRound } from "./round.ts";
import { Summary } from "./summary.ts";

const TIMEOUT_DEFAULT = "5s";
const INTERVAL_DEFAULT = "1s";

/** Most rounds of one run: more than a week at the default interval. */
const MAX_ROUNDS = 1_000_000;

export const pingCommand: Command = {
  name: "ping",
  summary: "Find out whether a relay can be reached, over what, and with this token.",
  description: [
    "Looks up the relay's name, connects over QUIC and over WebSocket, and prints a line for each step with its time: addresses, connection, certificate (names, days left, how it is trusted), the session's protocol and first answer, round trips. Then it prints what the relay permits to the token, or why it refuses it.",
    "The scheme of URL says what to try: https:// and http:// WebTransport and WebSocket, moqt:// and moql:// QUIC without HTTP and WebSocket, wss:// and ws:// WebSocket alone. --over says otherwise. The relay's addresses are tried in turn until one answers; --all tries each, and fails when one does.",
    "The exit code is 0 when every way works, 1 when one works and another does not (with --all: at every address), 4 when none does, and 6 when the relay refuses the session.",
  ],
  positionals: [URL_ARGUMENT],
  options: [
    { name: "over", value: "LIST", description: `Try these ways: ${WAYS.join(", ")}.` },
    { name: "all", description: "Try every address of the relay, both families." },
    {
      name: "count",
      short: "c",
      value: "N",
      description: "Connect N times (default 1), then print a summary. Ctrl-C prints the summary as well.",
    },
    {
      name: "interval",
      value: "TIME",
      description: `Between the starts of two rounds of --count (default ${INTERVAL_DEFAULT}).`,
    },
    {
      name: "json",
      description: "Print one JSON object; with --count one a line for each round, and then one with the summary.",
    },
    timeoutOption(TIMEOUT_DEFAULT),
    ...TRUST_OPTIONS,
  ],
  takesConfig: false,
  examples: [
    "ping http://localhost:4443/",
    "ping https://relay.example/live --token viewer.jwt",
    "ping https://relay.example/ --over webtransport,quic,websocket --all",
    "ping https://relay.example/ -c 10 --json",
  ],
  run,
};

async function run(invocation: Invocation, io: Io): Promise<ExitCode> {
  const target = targetOf(invocation, io, { timeout: TIMEOUT_DEFAULT });
  const ways = waysOf(target.url, invocation.values.get("over"));
  const count = countOf(invocation.values.get("count"));
  const intervalMs = readDuration(invocation, "interval", INTERVAL_DEFAULT);
  const json = invocation.switches.has("json");
  const library = await import("../../relay/client/index.ts");
  checkProtocols(target, library.PROTOCOLS);

  const stop = new AbortController();
  const end = () => stop.abort();
  const stopListening = onSignals({ terminal: true, end, endNow: end, reload: end });
  const summary = new Summary(target.url.host);
  const interrupted = new Promise<undefined>((resolve) =>
    stop.signal.addEventListener("abort", () => resolve(undefined)),
  );
  let exit: ExitCode = EXIT.ok;
  try {
    for (let number = 1; number <= count && !stop.signal.aborted; number++) {
      const started = performance.now();
      const quiet = json || number > 1;
      const say = (step: Step) => {
        if (!quiet && !stop.signal.aborted) io.out.write(stepText(step, io.out.columns));
      };
      const deps = { library, target, ways, all: invocation.switches.has("all") };
      if (!quiet) io.out.write(`${titleOf(target)}\n`);
      const round = await Promise.race([runRound(deps, say), interrupted]);
      if (round === undefined) break;
      summary.add(round);
      if (exit === EXIT.ok) exit = exitOf(round);
      io.out.write(json ? jsonRound(target, round, count) : number > 1 ? plainRound(round, number) : "");
      if (number < count) await pause(intervalMs - (performance.now() - started), stop.signal);
    }
  } finally {
    stopListening();
  }
  if (count > 1) io.out.write(json ? `${JSON.stringify({ summary: summary.toJson() })}\n` : summary.text());
  return stop.signal.aborted ? EXIT.interrupted : exit;
}

function titleOf({ url }: Target): string {
  return `ping ${url.protocol}//${url.host}${url.pathname}`;
}

function jsonRound({ url }: Target, round: Round, count: number): string {
  const ok = exitOf(round) === EXIT.ok;
  const answer = { url: `${url.protocol}//${url.host}${url.pathname}`, ok, ...roundJson(round) };
  return `${printableJson(answer, count > 1 ? undefined : 2)}\n`;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(Math.max(0, ms), undefined, { signal });
  } catch {
    // A signal ends the pause.
  }
}

/** The ways that the URL or `--over` names. Throws {@link UsageError}. */
function waysOf({ protocol }: URL, list: string | undefined): readonly Way[] {
  if (list === undefined) {
    if (protocol === "moqt:" || protocol === "moql:") return ["quic", "websocket"];
    return protocol === "ws:" || protocol === "wss:" ? ["websocket"] : ["webtransport", "websocket"];
  }
  const names = list.split(",").map((name) => name.trim());
  const ways = WAYS.filter((way) => names.includes(way));
  const unknown = names.filter((name) => !WAYS.some((way) => way === name));
  if (unknown.length > 0) throw new UsageError(`--over: there is ${WAYS.join(", ")}, not "${unknown.join(", ")}"`);
  return ways;
}

function countOf(text = "1"): number {
  const count = parseWhole(text);
  if (count === undefined || count < 1 || count > MAX_ROUNDS) {
    throw new UsageError(`--count must be a whole number from 1 to ${MAX_ROUNDS}, not "${text}"`);
  }
  return count;
}
