import { VERSION } from "../relay/version.ts";
import { COMMON_OPTIONS, configOptions } from "./args.ts";
import { type Command, type OptionSpec, usage } from "./command.ts";
import { EXIT_MEANINGS } from "./exit-codes.ts";
import { type Output, wrap } from "./io.ts";

/** Widest left column of a list; longer entries get a line of their own. */
const LABEL_MAX = 24;
const INDENT = "  ";

/** The text of `moqmesh --help`. */
export function programHelp(commands: readonly Command[], output: Output): string {
  const width = output.columns;
  return [
    `moqmesh ${VERSION}: a relay for live media over QUIC (MoQ).`,
    "",
    "Usage: moqmesh COMMAND [ARGUMENTS] [OPTIONS]",
    "",
    "Commands:",
    ...list(
      commands.map(({ name, summary }) => [name, summary]),
      width,
    ),
    "",
    "Options:",
    ...optionList(COMMON_OPTIONS, width),
    "",
    '"moqmesh COMMAND --help" describes one command.',
    "",
    ...exitCodes(width),
    "",
  ].join("\n");
}

/** The text of `moqmesh COMMAND --help`. */
export function commandHelp(command: Command, output: Output): string {
  const width = output.columns;
  const positionals = command.positionals.map(({ name, description }): [string, string] => [name, description]);
  return [
    ...wrap(command.summary.replaceAll("`", ""), width),
    "",
    `Usage: ${usage(command)}`,
    "",
    ...command.description.flatMap((paragraph) => [...wrap(paragraph, width), ""]),
    ...partsHelp(command, width),
    ...(positionals.length > 0 ? ["Arguments:", ...list(positionals, width), ""] : []),
    "Options:",
    ...optionList([...command.options, ...COMMON_OPTIONS], width),
    "",
    ...(command.takesConfig ? configHelp(width) : []),
    "Examples:",
    ...command.examples.map((line) => `${INDENT}moqmesh ${line}`),
    "",
    ...exitCodes(width),
    "",
  ].join("\n");
}

function partsHelp({ name, parts = [] }: Command, width: number): string[] {
  if (parts.length === 0) return [];
  const entries = parts.map((part): [string, string] => [part.name.slice(name.length + 1), part.summary]);
  return ["Commands:", ...list(entries, width), ""];
}

function configHelp(width: number): string[] {
  const all = configOptions();
  const short = all.filter(({ name, configKey }) => name !== configKey);
  return [
    "Configuration (these override the file and the environment):",
    ...list(
      short.map((option) => [optionLabel(option), `Sets ${option.configKey}.`]),
      width,
    ),
    ...list([["--SECTION.KEY VALUE", "Sets any key of docs/config.md, such as --limits.sessions 500."]], width),
    "",
    ...wrap(
      "Variables named MOQMESH_SECTION_KEY, such as MOQMESH_SERVER_PORT, set the same keys. They override the file; flags override them.",
      width,
    ),
    "",
  ];
}

function exitCodes(width: number): string[] {
  const entries = [...EXIT_MEANINGS].map(([code, meaning]): [string, string] => [String(code), meaning]);
  return ["Exit codes:", ...list(entries, width)];
}

export function optionLabel({ name, short, value, alone }: OptionSpec): string {
  const names = short === undefined ? `--${name}` : `-${short}, --${name}`;
  if (value === undefined) return names;
  return alone === undefined ? `${names} ${value}` : `${names} [${value}]`;
}

function optionList(options: readonly OptionSpec[], width: number): string[] {
  return list(
    options.map((option) => [optionLabel(option), option.description]),
    width,
  );
}

/** Two columns; the text of the right one is wrapped. */
export function list(entries: readonly (readonly [label: string, text: string])[], width: number): string[] {
  const fitting = entries.map(([label]) => label.length).filter((length) => length <= LABEL_MAX);
  const column = fitting.reduce((widest, length) => Math.max(widest, length), 0) + 2;
  return entries.flatMap(([label, text]) => {
    const lines = wrap(text.replaceAll("`", ""), width - INDENT.length - column);
    const blank = " ".repeat(column);
    const body = lines.map((line) => `${INDENT}${blank}${line}`);
    if (label.length > LABEL_MAX) return [`${INDENT}${label}`, ...body];
    return [`${INDENT}${label.padEnd(column)}${lines[0] ?? ""}`.trimEnd(), ...body.slice(1)];
  });
}
