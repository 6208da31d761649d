import type { ExitCode } from "./exit-codes.ts";
import type { Io } from "./io.ts";

/** An option of a command, such as `--out FILE`. */
export interface OptionSpec {
  /** The name without its dashes. */
  readonly name: string;
  /** One letter for `-c`. */
  readonly short?: string;
  /** The name of the value in help texts; absent for a switch. */
  readonly value?: string;
  /** The value when the option stands alone: only a word that starts with a digit is its value then. */
  readonly alone?: string;
  readonly description: string;
  /** The key of the configuration that it sets, such as `server.port`. */
  readonly configKey?: string;
  /** The only values, where they are known. */
  readonly choices?: readonly string[];
}

/** A positional argument. */
export interface PositionalSpec {
  readonly name: string;
  readonly required: boolean;
  readonly description: string;
  /** It may be given several times; only the last positional may. */
  readonly many?: true;
  /** The only values, where they are known. */
  readonly choices?: readonly string[];
}

/** A command line, parsed and valid for its command. */
export interface Invocation {
  /** In the order of the command's positionals; optional ones that were not given are missing at the end. */
  readonly positionals: readonly string[];
  /** The last value of each option that has one. */
  readonly values: ReadonlyMap<string, string>;
  /** Every value of each option that has one, in the order given. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
  readonly switches: ReadonlySet<string>;
  /** Options that set configuration keys, in the order given. */
  readonly config: readonly { readonly key: string; readonly value: string; readonly name: string }[];
}

export interface Command {
  /** One word, or more for a part of another command. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Paragraphs. */
  readonly description: readonly string[];
  readonly positionals: readonly PositionalSpec[];
  readonly options: readonly OptionSpec[];
  /** Takes `--section.key VALUE` for every key of the configuration. */
  readonly takesConfig: boolean;
  /** Codes in its output, and what each means, for the reference page. */
  readonly codes?: ReadonlyMap<string, string>;
  /** Example command lines, without the program's name. */
  readonly examples: readonly string[];
  /** Commands whose names begin with this one's; `run` is called when none of them is named. */
  readonly parts?: readonly Command[];
  run(invocation: Invocation, io: Io): Promise<ExitCode>;
}

/** The command line is wrong. The message has a line for each problem. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A command failed; the program ends with `code`. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly code: ExitCode;
  /** The stable code of the relay or of the transport for what failed, where there is one. */
  readonly reason: string | undefined;

  constructor(message: string, code: ExitCode, reason?: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

/** `moqmesh fetch URL BROADCAST TRACK [GROUP]` */
export function usage(command: Command): string {
  const positionals = command.positionals.map(({ name, required, many }) => {
    const text = many ? `${name}...` : name;
    return required ? text : `[${text}]`;
  });
  return ["moqmesh", command.name, ...positionals, "[OPTIONS]"].join(" ");
}
