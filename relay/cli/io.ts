import { isatty } from "node:tty";

/** The terminal, pipe or file that a command writes to. */
export interface Output {
  write(chunk: string | Uint8Array): void;
  readonly isTTY: boolean;
  /** Characters per line; 80 if unknown. */
  readonly columns: number;
}

/** The environment of a command: its streams and variables. */
export interface Io {
  readonly out: Output;
  readonly err: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Widest layout, in characters, so that text stays easy to read. */
const MAX_COLUMNS = 80;

/** Narrowest layout, in characters, so that two columns fit. A terminal of unknown size reports 0. */
const MIN_COLUMNS = 40;

export function processIo(): Io {
  return { out: output(process.stdout), err: output(process.stderr), env: process.env };
}

function output(stream: NodeJS.WriteStream & { readonly fd: number }): Output {
  return {
    write: (chunk) => void stream.write(chunk),
    isTTY: isatty(stream.fd),
    columns: columnsOf(stream.columns),
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
