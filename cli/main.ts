import { printable } from "../moq/printable.ts";
import { nearest } from "../relay/config/index.ts";
import { scrub } from "../relay/log/index.ts";
import { VERSION } from "../relay/version.ts";
import { parseInvocation } from "./args.ts";
import { type Command, UsageError } from "./command.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { describeFailure } from "./failure.ts";
import { commandHelp, programHelp } from "./help.ts";
import { heedClosedPipes, type Io, type Output, processIo } from "./io.ts";
import { serveCommand } from "./serve.ts";

/** Longest delay of a Node timer, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Milliseconds for an interrupted command to write its last output and to close its connections; it does not wait for what it has begun. */
const FAREWELL_MS = 200;

/** Runs the program with its arguments and resolves with its exit code; it never rejects. */
export async function main(args: readonly string[]): Promise<ExitCode> {
  heedClosedPipes({ goOn: args[0] === serveCommand.name });
  // The things that a command waits for (an engine, a clock) may not keep the process alive, so the command itself does.
  const hold = setInterval(() => {}, LONGEST_TIMER_MS);
  try {
    const code = await runProgram(args, processIo());
    if (code === EXIT.interrupted) setTimeout(() => process.exit(code), FAREWELL_MS).unref();
    return code;
  } finally {
    clearInterval(hold);
  }
}

/** {@link main} with its environment as an argument. */
export async function runProgram(args: readonly string[], around: Io): Promise<ExitCode> {
  const io = { ...around, err: scrubbed(around.err) };
  const [name, ...rest] = args;
  // A relay runs for months: it does not keep the other commands in memory.
  if (name === serveCommand.name) return runCommand(serveCommand, rest, io);
  const { COMMANDS } = await import("./commands.ts");
  if (name === undefined) {
    io.err.write(programHelp(COMMANDS, io.err));
    return EXIT.usage;
  }
  if (["--help", "-h", "help"].includes(name)) return help(COMMANDS, rest, io);
  if (["--version", "-V", "version"].includes(name)) return printVersion(io);
  const command = commandOf(COMMANDS, args);
  if (command === undefined) return unknownCommand(COMMANDS, name, io);
  return runCommand(command, args.slice(wordsOf(command).length), io);
}

/** The command with the longest name with which the arguments begin. */
function commandOf(commands: readonly Command[], args: readonly string[]): Command | undefined {
  const all = commands.flatMap((one) => [one, ...(one.parts ?? [])]);
  return all
    .filter((one) => wordsOf(one).every((word, index) => args[index] === word))
    .toSorted((a, b) => wordsOf(b).length - wordsOf(a).length)[0];
}

function wordsOf({ name }: Command): string[] {
  return name.split(" ");
}

/** Removes tokens from standard error: messages quote what was typed, and a URL may contain a token. Standard output stays as it is, because `token sign` prints one. */
function scrubbed(output: Output): Output {
  const write = (chunk: string | Uint8Array) => output.write(typeof chunk === "string" ? scrub(chunk) : chunk);
  return { write, isTTY: output.isTTY, columns: output.columns, screen: output.screen };
}

async function runCommand(command: Command, args: readonly string[], io: Io): Promise<ExitCode> {
  const [word = "-"] = args;
  if (command.parts !== undefined && !word.startsWith("-")) return unknownPart(command, word, io);
  try {
    const invocation = parseInvocation(command, args);
    if (invocation.switches.has("help")) return print(commandHelp(command, io.out), io);
    if (invocation.switches.has("version")) return printVersion(io);
    return await command.run(invocation, io);
  } catch (error) {
    const { text, code } = describeFailure(error);
    io.err.write(prefixed(text));
    if (error instanceof UsageError) io.err.write(`See "moqmesh ${command.name} --help".\n`);
    return code;
  }
}

function help(commands: readonly Command[], names: readonly string[], io: Io): ExitCode {
  const [name] = names;
  if (name === undefined) return print(programHelp(commands, io.out), io);
  const command = commandOf(commands, names);
  return command === undefined ? unknownCommand(commands, name, io) : print(commandHelp(command, io.out), io);
}

function unknownCommand(commands: readonly Command[], name: string, io: Io): ExitCode {
  const kind = name.startsWith("-") ? "option" : "command";
  const meant = nearest(
    name,
    commands.map((one) => one.name),
  );
  const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
  io.err.write(prefixed(`unknown ${kind} "${name}"${hint}`));
  io.err.write('Run "moqmesh --help" for what there is.\n');
  return EXIT.usage;
}

/** The first word after the name of a command that has parts names none of them. */
function unknownPart({ name, parts = [] }: Command, word: string, io: Io): ExitCode {
  const names = parts.map((part) => part.name.slice(name.length + 1));
  const meant = nearest(word, names) ?? names.find((one) => one.split(" ").includes(word));
  const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
  io.err.write(prefixed(`unknown command "${name} ${word}"${hint}`));
  io.err.write(`Run "moqmesh ${name} --help" for what there is.\n`);
  return EXIT.usage;
}

function printVersion(io: Io): ExitCode {
  return print(`moqmesh ${VERSION}\n`, io);
}

function print(text: string, io: Io): ExitCode {
  io.out.write(text);
  return EXIT.ok;
}

function prefixed(text: string): string {
  return text
    .split("\n")
    .map((line) => `moqmesh: ${printable(line)}\n`)
    .join("");
}
