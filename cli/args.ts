import { parseArgs } from "node:util";
import { type FieldMeta, fieldOf, nearest, sections } from "../relay/config/index.ts";
import { type Command, type Invocation, type OptionSpec, UsageError } from "./command.ts";

/** Options that every command has. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { name: "help", short: "h", description: "Show this text." },
  { name: "version", short: "V", description: "Show the version." },
];

/** Options that set configuration: `--section.key`, and short names such as `--port` for the common ones. */
export function configOptions(): OptionSpec[] {
  return [...sections].flatMap(([name, section]) =>
    Object.keys(section.schema.shape).flatMap((key) => {
      const field = fieldOf(section, key);
      if (field === undefined) return [];
      const long = {
        name: `${name}.${key}`,
        value: "VALUE",
        description: field.description,
        configKey: `${name}.${key}`,
        ...choicesOf(field),
      };
      return field.flag === undefined ? [long] : [{ ...long, name: field.flag }, long];
    }),
  );
}

function choicesOf({ kind, choices }: FieldMeta): Pick<OptionSpec, "choices"> {
  if (kind === "boolean") return { choices: ["true", "false"] };
  return kind === "choice" && choices !== undefined ? { choices } : {};
}

/** Every option of a command, with the common ones and those of the configuration. */
export function optionsOf(command: Command): OptionSpec[] {
  return [...command.options, ...COMMON_OPTIONS, ...(command.takesConfig ? configOptions() : [])];
}

/** Parses the arguments after the command's name. Throws {@link UsageError} with every problem. */
export function parseInvocation(command: Command, args: readonly string[]): Invocation {
  const options = new Map(optionsOf(command).map((option) => [option.name, option]));
  const found = new Found(options);
  for (const token of tokensOf(options, args)) found.take(token);
  const { problems, positionals, switches } = found;
  // The word after an unknown option may be its value, so the positionals are not certain then.
  if (problems.length === 0 && !switches.has("help") && !switches.has("version")) {
    const missing = command.positionals.slice(positionals.length).filter(({ required }) => required);
    const surplus = command.positionals.at(-1)?.many ? [] : positionals.slice(command.positionals.length);
    for (const { name } of missing) problems.push(`${name} is missing`);
    for (const text of surplus) problems.push(`unexpected argument "${text}"`);
  }
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
  return found;
}

/** The pieces of the command line, in their order. */
type Token =
  | { readonly kind: "positional"; readonly text: string }
  | { readonly kind: "option"; readonly name: string; readonly typed: string; readonly value: string | undefined };

function tokensOf(options: ReadonlyMap<string, OptionSpec>, args: readonly string[]): Token[] {
  const config = Object.fromEntries(
    [...options.values()].map(({ name, value, short }) => [
      name,
      { type: value === undefined ? ("boolean" as const) : ("string" as const), ...(short !== undefined && { short }) },
    ]),
  );
  const { tokens } = parseArgs({
    args: completed(options, args),
    options: config,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  return tokens.flatMap((token): Token[] => {
    if (token.kind === "positional") return [{ kind: "positional", text: token.value }];
    if (token.kind !== "option") return [];
    const { rawName, value, inlineValue } = token;
    // A word that starts with `-` is an option and not a value; `-` alone means standard input or output.
    const swallowed = inlineValue === false && value.startsWith("-") && value !== "-";
    return [{ kind: "option", name: token.name, typed: rawName, value: swallowed ? undefined : value }];
  });
}

/** The arguments, in which each option that stands alone has its value. */
function completed(options: ReadonlyMap<string, OptionSpec>, args: readonly string[]): string[] {
  const end = args.indexOf("--");
  return args.map((arg, index) => {
    const alone = arg.startsWith("--") ? options.get(arg.slice(2))?.alone : undefined;
    const hasValue = /^\d/.test(args[index + 1] ?? "");
    return alone === undefined || hasValue || (end >= 0 && index > end) ? arg : `${arg}=${alone}`;
  });
}

class Found implements Invocation {
  readonly positionals: string[] = [];
  readonly values = new Map<string, string>();
  readonly lists = new Map<string, string[]>();
  readonly switches = new Set<string>();
  readonly config: { key: string; value: string; name: string }[] = [];
  readonly problems: string[] = [];
  readonly #options: ReadonlyMap<string, OptionSpec>;

  constructor(options: ReadonlyMap<string, OptionSpec>) {
    this.#options = options;
  }

  take(token: Token): void {
    if (token.kind === "positional") {
      this.positionals.push(token.text);
      return;
    }
    const { name, typed, value } = token;
    const option = this.#options.get(name);
    if (option === undefined) {
      this.problems.push(unknownOption(typed, this.#options.keys()));
    } else if (option.value === undefined) {
      if (value === undefined) this.switches.add(name);
      else this.problems.push(`${typed} takes no value`);
    } else if (value === undefined) {
      this.problems.push(
        `${typed} needs a value: ${typed} ${option.value}; one that begins with - follows an equals sign`,
      );
    } else if (option.configKey === undefined) {
      this.values.set(name, value);
      this.lists.set(name, [...(this.lists.get(name) ?? []), value]);
    } else {
      this.config.push({ key: option.configKey, value, name: typed });
    }
  }
}

function unknownOption(typed: string, known: Iterable<string>): string {
  const meant = nearest(typed.replace(/^-+/, ""), known);
  return meant === undefined ? `unknown option ${typed}` : `unknown option ${typed}; did you mean --${meant}?`;
}
