import { createInterface } from "node:readline";
import { isatty } from "node:tty";

/** The terminal, pipe or file that a command writes to. */
export interface Output {
  write(chunk: string | Uint8Array): void;
  readonly isTTY: boolean;
  /** Characters per line of running text; 80 if unknown. */
  readonly columns: number;
  /** The size of the terminal now, in characters; undefined when it is none. */
  readonly screen: Screen | undefined;
}

export interface Screen {
  readonly columns: number;
  readonly rows: number;
}

/** The environment of a command: its streams and variables. */
export interface Io {
  readonly out: Output;
  readonly err: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Asks the person at the terminal, and resolves with the line that they type. Undefined when there is no person. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
}

/** Widest layout, in characters, so that text stays easy to read. */
const MAX_COLUMNS = 80;

/** Narrowest layout, in characters, so that two columns fit. A terminal of unknown size reports 0. */
const MIN_COLUMNS = 40;

/** Lines of a terminal of unknown size. */
const USUAL_ROWS = 24;

export function processIo(): Io {
  const person = isatty(process.stdin.fd) && isatty(process.stderr.fd);
  return { out: output(process.stdout), err: output(process.stderr), env: process.env, ask: person ? ask : undefined };
}

/** Resolves with an empty line when the input ends. */
async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise((resolve) => {
      terminal.once("close", () => resolve(""));
      terminal.question(question, resolve);
    });
  } finally {
    terminal.close();
  }
}

function output(stream: NodeJS.WriteStream & { readonly fd: number }): Output {
  return {
    write: (chunk) => void stream.write(chunk),
    isTTY: isatty(stream.fd),
    columns: columnsOf(stream.columns),
    get screen() {
      // A terminal of unknown size reports 0.
      return isatty(stream.fd)
        ? { columns: stream.columns || MAX_COLUMNS, rows: stream.rows || USUAL_ROWS }
        : undefined;
    },
  };
}

/** Characters per line on a terminal with that many `columns`; undefined if unknown. */
export function columnsOf(columns: number | undefined): number {
  return columns ? Math.min(Math.max(columns, MIN_COLUMNS), MAX_COLUMNS) : MAX_COLUMNS;
}

/**
 * Ends the program silently when the reader of its output leaves early, as `head` does. With `goOn` the program runs on, because others
 * rely on a relay. Text that cannot be written to standard error is lost.
 */
export function heedClosedPipes({ goOn }: { goOn: boolean }): void {
  process.stderr.on("error", () => {});
  if (goOn) return;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

/** Text styles for a terminal that shows colours; plain text for a pipe or when `NO_COLOR` is set. */
export function styles(output: Output, env: Io["env"]): Record<"bold" | "dim", (text: string) => string> {
  const on = output.isTTY && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  const mark = (code: number) => (text: string) => (on ? `\u001b[${code}m${text}\u001b[0m` : text);
  return { bold: mark(1), dim: mark(2) };
}

/** Breaks text at spaces into lines of at most `width` characters; a longer word has a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/).filter((one) => one !== "")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return line === "" ? lines : [...lines, line];
}
