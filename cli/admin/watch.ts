/** `--watch`: asks again at intervals and shows each answer in place of the last. */
import { setTimeout as delay } from "node:timers/promises";
import { printableJson } from "../../moq/printable.ts";
import { parseDuration, UnitError } from "../../relay/config/index.ts";
import { type Invocation, type OptionSpec, UsageError } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Io, Output, Screen } from "../io.ts";
import { onSignals } from "../signals.ts";
import { cut } from "../table.ts";
import type { Answer } from "./ask.ts";
import { AdminFailure } from "./failure.ts";
import type { Look } from "./view.ts";

const SECONDS_DEFAULT = "2";
/** Shortest interval in seconds: the API answers so many requests a second to one address, and rates need some time. */
const SECONDS_MIN = 0.2;

export const WATCH_OPTION: OptionSpec = {
  name: "watch",
  value: "SECONDS",
  alone: SECONDS_DEFAULT,
  description: `Ask again every SECONDS (default ${SECONDS_DEFAULT}) until Ctrl-C. Totals become rates.`,
};

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const CLEAR_ALL = "\u001b[H\u001b[2J";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

/** Seconds of `--watch`; undefined without it. Throws `UsageError`. */
export function watchSeconds({ values }: Invocation): number | undefined {
  const text = values.get("watch");
  if (text === undefined) return undefined;
  try {
    const seconds = /^[\d.]+$/.test(text) ? Number(text) : parseDuration(text) / 1_000;
    if (seconds >= SECONDS_MIN) return seconds;
  } catch (error) {
    if (!(error instanceof UnitError)) throw error;
  }
  throw new UsageError(`--watch: expected seconds, at least ${SECONDS_MIN}`);
}

export interface Watching {
  readonly seconds: number;
  /** The line above each look. */
  readonly title: string;
  readonly ask: () => Promise<Answer>;
  readonly json: boolean;
  readonly show: (look: Look, output: Output) => readonly string[];
}

/** Runs until a signal ends it. Rejects when a request fails in a way that does not pass by itself. */
export async function watch(watching: Watching, io: Io): Promise<ExitCode> {
  const stop = new AbortController();
  const end = () => stop.abort();
  const stopListening = onSignals({ terminal: true, end, endNow: end, reload: end });
  const screen = io.out.screen !== undefined && !watching.json;
  if (screen) io.out.write(HIDE_CURSOR + CLEAR_ALL);
  try {
    await looks(watching, io, stop.signal);
  } finally {
    if (screen) io.out.write(SHOW_CURSOR);
    stopListening();
  }
  return EXIT.ok;
}

async function looks({ seconds, title, ask, json, show }: Watching, io: Io, stop: AbortSignal): Promise<void> {
  let last: { readonly body: unknown; readonly at: number } | undefined;
  const over = aborted(stop);
  while (!stop.aborted) {
    const started = performance.now();
    const answer = await Promise.race([passing(ask), over]);
    if (answer === undefined) return;
    if (answer instanceof AdminFailure) {
      if (json) io.err.write(`moqmesh: ${answer.message}\n`);
      else draw([heading(title, Date.now()), "", ...answer.message.split("\n")], io.out);
    } else {
      const at = performance.now();
      const before = last && { body: last.body, seconds: (at - last.at) / 1_000 };
      const look = { ...answer, watched: true, ...(before && { before }) };
      if (json) io.out.write(`${printableJson(answer.body)}\n`);
      else draw([heading(title, answer.now), "", ...show(look, io.out)], io.out);
      last = { body: answer.body, at };
    }
    const left = seconds * 1_000 - (performance.now() - started);
    await delay(Math.max(0, left), undefined, { signal: stop }).catch(() => undefined);
  }
}

/** The answer, or a failure that may pass. */
async function passing(ask: () => Promise<Answer>): Promise<Answer | AdminFailure> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof AdminFailure && error.passing) return error;
    throw error;
  }
}

async function aborted(signal: AbortSignal): Promise<undefined> {
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  return undefined;
}

function heading(title: string, now: number): string {
  return `${title}, ${new Date(now).toISOString().slice(11, 19)} UTC`;
}

/** On a terminal the lines replace those of the last look; elsewhere they follow them. */
function draw(lines: readonly string[], output: Output): void {
  const { screen } = output;
  if (screen === undefined) output.write(`${lines.join("\n")}\n\n`);
  else
    output.write(
      `${HOME}${visible(lines, screen)
        .map((line) => `${line}${CLEAR_LINE}\n`)
        .join("")}${CLEAR_BELOW}`,
    );
}

/** The lines for which the terminal has room. */
function visible(lines: readonly string[], { columns, rows }: Screen): readonly string[] {
  const room = Math.max(2, rows - 1);
  if (lines.length <= room) return lines;
  return [...lines.slice(0, room - 1), cut(`${lines.length - room + 1} more lines`, columns)];
}
