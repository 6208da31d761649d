/** What can be typed at each place of a command line, from the descriptions that the help texts use. */
import { COMMON_OPTIONS, optionsOf } from "../args.ts";
import type { Command, OptionSpec, PositionalSpec } from "../command.ts";

/** A word and what it is. */
export interface Word {
  readonly text: string;
  readonly about: string;
}

/** An option with its dashes. */
export interface CompletedOption extends Word {
  /** One letter with its dash. */
  readonly short?: string;
  /** What follows it; absent for a switch. */
  readonly value?: Values;
}

/** What is offered for a value. */
export type Values =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "file" }
  /** Nothing is offered, such as for a number. */
  | { readonly kind: "free" };

/** One command, or the beginning of the names of some. */
export interface Place {
  /** The words after the program's name. */
  readonly path: string;
  /** The words that may follow. */
  readonly words: readonly Word[];
  readonly options: readonly CompletedOption[];
  /** What is offered for its arguments. */
  readonly arguments: readonly Values[];
}

/** Values of options and names of arguments that are files or folders. */
const FILES: ReadonlySet<string> = new Set(["FILE", "DIR"]);

/** Every place, the program itself first. */
export function placesOf(commands: readonly Command[]): Place[] {
  const all = commands.flatMap((one) => [one, ...(one.parts ?? [])]);
  const paths = new Set(["", ...all.flatMap(({ name }) => beginningsOf(name))]);
  return [...paths].map((path) => {
    const command = all.find(({ name }) => name === path);
    return {
      path,
      words: wordsAt(path, all),
      options: (command === undefined ? COMMON_OPTIONS : optionsOf(command)).map(completed),
      // The argument of a command with parts is one of them.
      arguments: command === undefined || command.parts !== undefined ? [] : command.positionals.map(valuesOfArgument),
    };
  });
}

/** `a`, `a b` and `a b c` of `a b c`. */
function beginningsOf(name: string): string[] {
  const words = name.split(" ");
  return words.map((_, index) => words.slice(0, index + 1).join(" "));
}

function wordsAt(path: string, all: readonly Command[]): Word[] {
  const before = path === "" ? "" : `${path} `;
  const words = new Map<string, string>();
  for (const { name, summary } of all) {
    if (!name.startsWith(before)) continue;
    const [text = "", further] = name.slice(before.length).split(" ");
    // A command describes its word better than the first of the commands that begin with it.
    if (text !== "" && (further === undefined || !words.has(text))) words.set(text, summary);
  }
  return [...words].map(([text, about]) => ({ text, about }));
}

function completed({ name, short, value, choices, description }: OptionSpec): CompletedOption {
  return {
    text: `--${name}`,
    about: description,
    ...(short !== undefined && { short: `-${short}` }),
    ...(value !== undefined && { value: valuesOf(value, choices) }),
  };
}

function valuesOfArgument({ name, choices }: PositionalSpec): Values {
  return valuesOf(name, choices);
}

function valuesOf(name: string, choices: readonly string[] | undefined): Values {
  if (choices !== undefined) return { kind: "words", words: choices };
  return FILES.has(name) ? { kind: "file" } : { kind: "free" };
}
