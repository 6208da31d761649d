/** Collects what the test runner reports, by file; the summary is short enough for the end of a log that was cut. */
import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";

/** Lines of an error that a failure keeps; and in the summary. */
const ERROR_LINES = 40;
const SUMMARY_ERROR_LINES = 8;

/** Failures of which the summary shows the error, and of which it gives the name. */
const SUMMARY_ERRORS = 3;
const SUMMARY_NAMES = 10;

/** Last lines of a failed file's output that are printed. */
const OUTPUT_LINES = 60;

/** Slowest files that the summary names. */
const SLOWEST = 10;

/** What the runner says of an error that a test left behind, for which it fails no test. */
const LATE_ERROR = "generated asynchronous activity after the test ended";

type EventOf<K extends TestEvent["type"]> = Extract<TestEvent, { type: K }>["data"];

export interface Failure {
  /** `test/room/file.test.ts:12`. */
  readonly place: string;
  /** The names of its suites and its own. */
  readonly name: string;
  readonly error: string;
}

export interface FileResult {
  readonly file: string;
  readonly ms: number;
  readonly tests: number;
  readonly skipped: number;
  readonly failures: readonly Failure[];
  /** Figures that its tests report. */
  readonly notes: readonly string[];
  /** The last lines that it printed. */
  readonly output: readonly string[];
}

/** Collects the events of one file. */
export class FileRun {
  readonly #file: string;
  /** The names of the suites that are open, by nesting. */
  readonly #names: string[] = [];
  readonly #failures: Failure[] = [];
  readonly #notes: string[] = [];
  #output = "";
  #tests = 0;
  #skipped = 0;

  constructor(file: string) {
    this.#file = file;
  }

  take({ type, data }: TestEvent): void {
    if (type === "test:stdout" || type === "test:stderr") this.#output += data.message;
    // Of its own the runner notes counts, of which no file is the source.
    else if (type === "test:diagnostic" && data.file !== undefined) this.#note(data.message);
    else if (type === "test:start") this.#names[data.nesting] = data.name;
    else if (type === "test:pass") this.#passed(data);
    else if (type === "test:fail") this.#failed(data);
  }

  /** The result after the last event; the file took `ms` milliseconds. */
  end(ms: number): FileResult {
    const failures = this.#failures;
    return {
      file: this.#file,
      ms,
      tests: this.#tests,
      skipped: this.#skipped,
      failures,
      notes: this.#notes,
      output: failures.length === 0 ? [] : this.#lastLines(OUTPUT_LINES),
    };
  }

  #lastLines(count: number): string[] {
    return this.#output.trimEnd().split("\n").slice(-count);
  }

  #note(message: string): void {
    if (!message.includes(LATE_ERROR)) this.#notes.push(message);
    else this.#failures.push({ place: this.#file, name: "an error after the end of a test", error: message });
  }

  #passed({ details, skip }: EventOf<"test:pass">): void {
    if (details.type === "suite") return;
    if (skip === undefined) this.#tests++;
    else this.#skipped++;
  }

  #failed({ name, file, line, nesting, details: { error, type } }: EventOf<"test:fail">): void {
    // The runner takes the process of a file for a test whose name is the path of that file.
    if (name === file) {
      const lines = [error.message, ...this.#lastLines(SUMMARY_ERROR_LINES)];
      this.#failures.push({ place: this.#file, name: `its process failed${endOf(error)}`, error: lines.join("\n") });
      return;
    }
    if (type !== "suite") this.#tests++;
    if ("failureType" in error && error.failureType === "subtestsFailed") return;
    const names = [...this.#names.slice(0, nesting), name].join(" > ");
    this.#failures.push({ place: `${this.#file}:${line ?? 0}`, name: names, error: textOf(error) });
  }
}

/** How a process ended, if it ended badly by itself. */
function endOf(error: Error): string {
  if ("signal" in error && typeof error.signal === "string") return ` by ${error.signal}`;
  return "exitCode" in error ? ` with exit code ${String(error.exitCode)}` : "";
}

/** The error that the test threw, without the runner's wrapping. */
function textOf(error: Error): string {
  const thrown = error.cause ?? error;
  const text = typeof thrown === "string" ? thrown : inspect(thrown);
  return text.split("\n").slice(0, ERROR_LINES).join("\n");
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const indented = (lines: readonly string[]) => lines.map((line) => `    ${line}`);
const counted = (count: number, what: string) => (count === 0 ? [] : [`${count} ${what}`]);

/** A line for a file that passed, with the figures of its tests; a failed one also with its errors and the end of its output. */
export function fileText({ file, ms, tests, skipped, failures, notes, output }: FileResult): string {
  const counts = [`${tests} tests`, ...counted(skipped, "skipped"), ...counted(failures.length, "FAILED")];
  return [
    `${failures.length === 0 ? "✔" : "✖"} ${file}: ${counts.join(", ")}, ${seconds(ms)}`,
    ...notes.map((note) => `  ℹ ${note}`),
    ...failures.flatMap(({ place, name, error }) => [`  ✖ ${place} ${name}`, ...indented(error.split("\n"))]),
    ...(output.join("").trim() === "" ? [] : ["  its output ends with:", ...indented(output)]),
  ].join("\n");
}

/** What there is to know after a run: the slowest files, the counts, and last what failed with the beginning of each error. */
export function summaryText(files: readonly FileResult[], ms: number): string {
  const failures = files.flatMap((file) => file.failures);
  const sum = (count: (file: FileResult) => number) => files.reduce((total, file) => total + count(file), 0);
  const slowest = files.toSorted((a, b) => b.ms - a.ms).slice(0, SLOWEST);
  const counts = [
    `${sum(({ tests }) => tests)} tests in ${files.length} files`,
    ...counted(
      sum(({ skipped }) => skipped),
      "skipped",
    ),
    `${failures.length} failed`,
    seconds(ms),
  ];
  return [
    `slowest: ${slowest.map(({ file, ms }) => `${file} ${seconds(ms)}`).join(", ")}`,
    counts.join(", "),
    ...failures
      .slice(0, SUMMARY_NAMES)
      .flatMap(({ place, name, error }, i) => [
        `✖ ${place} ${name}`,
        ...(i < SUMMARY_ERRORS ? indented(error.split("\n").slice(0, SUMMARY_ERROR_LINES)) : []),
      ]),
    ...counted(Math.max(0, failures.length - SUMMARY_NAMES), "more failed"),
  ].join("\n");
}
