/** Parses the command lines of scripts: with a help text and a message instead of a stack for mistakes. */
import { type ParseArgsConfig, parseArgs } from "node:util";

const WRONG_COMMAND_LINE = 2;

type Options = NonNullable<ParseArgsConfig["options"]>;

/** The values of the flags. `--help` prints `help` and exits with 0; a wrong command line exits with 2. */
export function readFlags<const T extends Options>(help: string, options: T) {
  return parsed(help, () => parseArgs({ options })).values;
}

/** Like {@link readFlags}, for a script that also takes arguments without a flag. */
export function readArguments<const T extends Options>(help: string, options: T) {
  return parsed(help, () => parseArgs({ options, allowPositionals: true }));
}

function parsed<T>(help: string, parse: () => T): T {
  const asked = process.argv.slice(2);
  if (asked.includes("--help") || asked.includes("-h")) {
    console.log(help);
    process.exit(0);
  }
  try {
    return parse();
  } catch (error) {
    return wrongCommandLine(error instanceof Error ? error.message : String(error), help);
  }
}

/** A whole number of at least `least`; for any other text the process exits with 2. */
export function wholeFlag(help: string, name: string, text: string, least = 0): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least) return value;
  return wrongCommandLine(`--${name} must be a whole number from ${least}, not "${text}"`, help);
}

/** Prints the mistake and the help. */
export function wrongCommandLine(message: string, help: string): never {
  console.error(`${message}\n\n${help}`);
  process.exit(WRONG_COMMAND_LINE);
}
