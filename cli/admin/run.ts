/** Runs one command: asks the API once, or again and again with `--watch`, and shows the answer. */

import { printable, printableJson } from "../../moq/printable.ts";
import { type Command, CommandError, type Invocation, UsageError } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { type Io, type Output, styles } from "../io.ts";
import { type ApiOperation, at, OPERATIONS } from "./api.ts";
import { AdminApi, type Answer } from "./ask.ts";
import { fieldOptions, positionalsOf, valuesOf } from "./fields.ts";
import { withNearName } from "./near.ts";
import type { CommandSpec, Counter, Running } from "./spec.ts";
import { adminTarget, TARGET_OPTIONS } from "./target.ts";
import { type Layout, type Look, viewLines } from "./view.ts";
import { WATCH_OPTION, watch, watchSeconds } from "./watch.ts";

const JSON_OPTION = {
  name: "json",
  description: "Print the answer of the API, one JSON document; with --watch one a line.",
};
const WIDE_OPTION = {
  name: "wide",
  description: "Show every column and the whole of every text, however long the lines are.",
};
const YES_OPTION = { name: "yes", description: "Do not ask before people are cut off." };

/** The command `moqmesh admin NAME`. */
export function commandOf(spec: CommandSpec): Command {
  const operation = operationOf(spec);
  const reads = operation.method === "GET";
  return {
    name: `admin ${spec.name}`,
    summary: spec.summary ?? operation.summary,
    description: [
      `${operation.method} /api/v1${operation.path}; it needs the right \`${operation.right}\`.`,
      ...(spec.cuts === undefined
        ? []
        : ["It asks before it acts. Without a terminal it refuses unless --yes is given."]),
    ],
    positionals: positionalsOf(spec, operation),
    options: [
      ...fieldOptions(spec, operation),
      JSON_OPTION,
      ...(spec.done === undefined ? [WIDE_OPTION] : []),
      ...(reads ? [WATCH_OPTION] : []),
      ...(spec.cuts === undefined ? [] : [YES_OPTION]),
      ...TARGET_OPTIONS,
    ],
    takesConfig: false,
    examples: (spec.examples ?? [usageExample(spec)]).map((line) => `admin ${line}`),
    run: (invocation, io) => runSpec(spec, invocation, io),
  };
}

function usageExample({ name, positionals = [], words }: CommandSpec): string {
  return [name, ...positionals.map((one) => one.toUpperCase()), ...(words === undefined ? [] : [words.name])].join(" ");
}

function operationOf({ operation: id }: CommandSpec): ApiOperation {
  const operation = OPERATIONS.get(id);
  if (operation === undefined) throw new Error(`the API has no operation ${id}`);
  return operation;
}

/** Runs a command; `url` overrides the options that name the relay. */
export async function runSpec(spec: CommandSpec, invocation: Invocation, io: Io, url?: string): Promise<ExitCode> {
  const operation = operationOf(spec);
  const values = valuesOf(spec, operation, invocation);
  const body = spec.words?.body(invocation.positionals);
  const seconds = watchSeconds(invocation);
  const api = new AdminApi(await adminTarget(invocation, io, url));
  const ask = () => answerOf({ api, operation, values }, body);
  const json = invocation.switches.has("json");
  const show = (look: Look, output: Output) => linesOf(spec, values, look, layoutOf(invocation, output, io));
  if (seconds !== undefined) {
    const title = `moqmesh admin ${spec.name}, ${api.target.base.host}`;
    return await watch({ seconds, title, ask, json, show }, io);
  }
  if (spec.cuts !== undefined && !invocation.switches.has("yes")) {
    await confirm(await spec.cuts(values, counter(api)), api, io);
  }
  const answer = await ask();
  if (json) io.out.write(`${printableJson(answer.body, 2)}\n`);
  const failed = spec.failed?.(answer.body);
  if (failed !== undefined) throw new CommandError(failed.split("\n").map(printable).join("\n"), EXIT.failed);
  if (!json) for (const line of show({ ...answer, watched: false }, io.out)) io.out.write(`${line}\n`);
  return EXIT.ok;
}

async function answerOf({ api, operation, values }: Running, body: unknown): Promise<Answer> {
  try {
    return await api.ask(operation, values, body);
  } catch (error) {
    throw await withNearName(error, api, values);
  }
}

function linesOf(spec: CommandSpec, values: Running["values"], look: Look, layout: Layout): string[] {
  return spec.done === undefined ? viewLines(spec.view, look, layout) : [printable(spec.done(look.body, values))];
}

/** A pipe or a file gets everything. */
function layoutOf({ switches }: Invocation, output: Output, { env }: Io): Layout {
  return { columns: switches.has("wide") ? undefined : output.screen?.columns, ...styles(output, env) };
}

function counter(api: AdminApi): Counter {
  return async (id, values, path) => {
    const operation = OPERATIONS.get(id);
    if (operation === undefined) return undefined;
    const count = at((await api.ask(operation, values)).body, path);
    return typeof count === "number" ? count : undefined;
  };
}

/** Rejects unless a person agrees. */
async function confirm(what: string, { target }: AdminApi, { ask }: Io): Promise<void> {
  const text = `${printable(what)} The relay is ${target.base.host}.`;
  if (ask === undefined) throw new UsageError(`${text}\nthere is no terminal to ask at: pass --yes to do it`);
  const typed = await ask(`${text} Continue? [y/N] `);
  if (!/^\s*y(es)?\s*$/i.test(typed)) throw new CommandError("nothing was done", EXIT.failed);
}
