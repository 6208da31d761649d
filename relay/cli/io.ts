import { isatty } from "node:tty";

/** The terminal, pipe or file that a command writes to. */
export interface Output {
  write(chunk: string | Uint8Array): void;
  readonly isTTY: boolean;
  /** Characters in a line; 80 where that is not known. */
  readonly columns: number;
}

/** What a command sees of the world around it. */
export interface Io {
  readonly out: Output;
  readonly err: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Lines are never laid out wider, so that text stays easy to read. */
const MAX_COLUMNS = 80;

/** Nor narrower, so that two columns find room. A terminal whose size is not known says 0. */
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

/** Characters in a line on a terminal that has `columns`, or none for all that is known. */
export function columnsOf(columns: number | undefined): number {
  return columns ? Math.min(Math.max(columns, MIN_COLUMNS), MAX_COLUMNS) : MAX_COLUMNS;
}

/**
 * A reader of our output that leaves early, such as `head`, ends the program without a word; but not a relay, which others rely on
 * (`goOn`). What cannot be written to standard error is lost.
 */
export function heedClosedPipes({ goOn }: { goOn: boolean }): void {
  process.stderr.on("error", () => {});
  if (goOn) return;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

/** Marks text for a terminal that shows colours: not in a pipe, and not where `NO_COLOR` asks for none. */
export function styles(output: Output, env: Io["env"]): Record<"bold" | "dim", (text: string) => string> {
  const on = output.isTTY && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  const mark = (code: number) => (text: string) => (on ? `\u001b[${code}m${text}\u001b[0m` : text);
  return { bold: mark(1), dim: mark(2) };
}

/** Breaks text at spaces into lines of at most `width` characters; longer words stand alone. */
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
