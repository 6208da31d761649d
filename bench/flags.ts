/** The command lines of everything under `bench/`. */
import { parseArgs } from "node:util";
import { nearest } from "../relay/config/index.ts";

/** The command line is wrong. The message has every problem. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** Flags by name; `value` names the value in help texts. */
export type Flags = Readonly<Record<string, { readonly value?: string; readonly text: string }>>;

/** Largest number of any flag: it catches typing mistakes. */
const MOST = 100_000;
const LONGEST_SECONDS = 3_600;

/** Width of the first of two columns. */
const COLUMN = 24;

/** The help text of `npm run bench -- NAME`. */
export function benchHelp(name: string, about: readonly string[], flags: Flags): string {
  return [
    `Usage: npm run bench -- ${name} [options]`,
    "",
    ...about,
    "",
    "Options:",
    ...flagLines(flags),
    "",
    "Exit codes: 0 measured, 1 failed, 2 wrong command line.",
    "",
  ].join("\n");
}

/** The flags as lines of a help text. */
export function flagLines(flags: Flags): string[] {
  return columns(
    Object.entries(flags).map(([name, { value, text }]) => [
      `--${name}${value === undefined ? "" : ` ${value}`}`,
      text,
    ]),
  );
}

export function columns(entries: readonly (readonly [string, string])[]): string[] {
  return entries.map(([left, right]) => `  ${left.padEnd(COLUMN)}${right}`);
}

export type Values = ReadonlyMap<string, string | boolean>;

/** Parses a command line that has flags only. Throws {@link UsageError}. */
export function readFlags(flags: Flags, args: readonly string[]): Values {
  const config = Object.fromEntries(
    Object.entries(flags).map(([name, { value }]) => [
      name,
      { type: value === undefined ? ("boolean" as const) : ("string" as const) },
    ]),
  );
  const { tokens } = parseArgs({ args: [...args], options: config, strict: false, tokens: true });
  const values = new Map<string, string | boolean>();
  for (const token of tokens) {
    if (token.kind === "positional") throw new UsageError(`unexpected argument "${token.value}"`);
    if (token.kind !== "option") continue;
    const name = token.rawName === "-h" ? "help" : token.name;
    const flag = flags[name];
    if (flag === undefined) throw new UsageError(unknown(flags, token.rawName));
    const missing = token.value === undefined || (!token.inlineValue && token.value.startsWith("-"));
    if (flag.value !== undefined && missing) throw new UsageError(`--${name} needs a value: --${name} ${flag.value}`);
    if (flag.value === undefined && token.value !== undefined) throw new UsageError(`--${name} takes no value`);
    values.set(name, token.value ?? true);
  }
  return values;
}

function unknown(flags: Flags, typed: string): string {
  const meant = nearest(typed.replace(/^-+/, ""), Object.keys(flags));
  return meant === undefined ? `unknown option ${typed}` : `unknown option ${typed}; did you mean --${meant}?`;
}

export function text(values: Values, name: string): string | undefined {
  const value = values.get(name);
  return typeof value === "string" ? value : undefined;
}

export function whole(values: Values, name: string, most = MOST): number | undefined {
  const value = text(values, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < 1 || number > most) {
    throw new UsageError(`--${name}: expected a whole number from 1 to ${most}, not "${value}"`);
  }
  return number;
}

export function seconds(values: Values, name: string): number | undefined {
  const value = text(values, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!/^\d+(\.\d+)?$/.test(value) || number <= 0 || number > LONGEST_SECONDS) {
    throw new UsageError(`--${name}: expected seconds, more than 0 and at most ${LONGEST_SECONDS}, not "${value}"`);
  }
  return number;
}
