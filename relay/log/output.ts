/**
 * Writes lines to standard output without blocking the thread or stopping the program. When the reader does not read, the disk is full or
 * the terminal has closed, lines are dropped and counted.
 */
import { closeSync, constants, fstatSync, openSync, write, writeSync } from "node:fs";
import { isatty } from "node:tty";
import { counter, metricGroup } from "../../moq/metrics.ts";

export const LOG_METRICS = metricGroup("Log", {
  dropped: counter("log_lines_lost_total", "Lines of the log that the relay could not write."),
});

/** Most bytes of lines that wait for a slow reader or a full disk: some thousand lines of a busy relay. Further lines are dropped. */
const MAX_QUEUED_BYTES = 1024 * 1024;

/** Milliseconds between two attempts to write to an output that failed, such as a full disk. */
const RETRY_MS = 1_000;

/** Milliseconds between two attempts to write to a terminal that is stopped, as by Ctrl-S. */
const TERMINAL_RETRY_MS = 50;

/** Milliseconds for which `close` waits for the remaining lines. */
const CLOSE_MS = 1_000;

const STDOUT = 1;

/** Errors after which every write fails: the reader has closed its end. */
const FINAL_ERRORS: ReadonlySet<string> = new Set(["EPIPE", "EBADF", "ERR_STREAM_DESTROYED", "ECONNRESET"]);

/** A destination of bytes. One write is under way at a time. */
export interface OutputPort {
  /** Never blocks. `done` is called with the number of written bytes, at once or later. */
  write(bytes: Buffer, done: (error: NodeJS.ErrnoException | undefined, written: number) => void): void;
  /** Writes as much as possible at once, when the process ends. */
  writeLast(bytes: Buffer): void;
}

/** Lines that wait to be written. */
export class LogOutput {
  readonly #port: OutputPort;
  /** Called when writing succeeds again after lines were dropped: how many, and why. */
  #onLost: (lost: number, why: string) => void = () => {};
  #queue: Buffer[] = [];
  #queued = 0;
  #writing = false;
  #waiting: NodeJS.Timeout | undefined;
  #why = "the reader is too slow";
  /** The reader has closed its end. */
  #gone = false;
  #dropped = 0;
  #unsaid = 0;
  #idle: (() => void) | undefined;

  constructor(port: OutputPort = standardOutput()) {
    this.#port = port;
    process.once("exit", this.#last);
  }

  /** Lines that were dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  onLost(said: (lost: number, why: string) => void): void {
    this.#onLost = said;
  }

  /** Writes whole lines. Never blocks, never throws. */
  write(text: string): void {
    const bytes = Buffer.from(text);
    if (this.#gone || this.#queued + bytes.length > MAX_QUEUED_BYTES) {
      this.#drop(1);
      return;
    }
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    this.#pump();
  }

  /**
   * Waits until all lines are written, at most {@link CLOSE_MS}; nothing is written afterwards. False when a write is still under way: the
   * process does not end by itself then.
   */
  async close(): Promise<boolean> {
    if (this.#queued > 0 && !this.#gone) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
        setTimeout(resolve, CLOSE_MS);
      });
    }
    process.off("exit", this.#last);
    this.#giveUp();
    return !this.#writing;
  }

  readonly #last = () => {
    if (!this.#writing && this.#queued > 0) this.#port.writeLast(Buffer.concat(this.#queue));
  };

  #pump(): void {
    if (this.#writing || this.#waiting !== undefined || this.#queue.length === 0) return;
    const bytes = this.#queue.length === 1 ? this.#queue[0] : Buffer.concat(this.#queue);
    if (bytes === undefined) return;
    this.#queue = [bytes];
    this.#writing = true;
    this.#port.write(bytes, (error, written) => this.#wrote(bytes, error, written));
  }

  #wrote(bytes: Buffer, error: NodeJS.ErrnoException | undefined, written: number): void {
    this.#writing = false;
    if (this.#gone) return;
    this.#queue[0] = bytes.subarray(written);
    this.#queued -= written;
    if (written === bytes.length) this.#queue.shift();
    if (error !== undefined) {
      this.#failed(error);
      return;
    }
    if (this.#queue.length > 0) {
      this.#pump();
      return;
    }
    this.#idle?.();
    if (this.#unsaid > 0) {
      const lost = this.#unsaid;
      this.#unsaid = 0;
      this.#onLost(lost, this.#why);
    }
    this.#why = "the reader is too slow";
  }

  #failed({ code = "", message }: NodeJS.ErrnoException): void {
    if (FINAL_ERRORS.has(code)) {
      this.#giveUp();
      return;
    }
    if (code !== "EAGAIN") this.#why = message;
    this.#waiting = setTimeout(
      () => {
        this.#waiting = undefined;
        this.#pump();
      },
      code === "EAGAIN" ? TERMINAL_RETRY_MS : RETRY_MS,
    ).unref();
  }

  #giveUp(): void {
    const lines = this.#queue.reduce((count, bytes) => count + linesIn(bytes), 0);
    this.#gone = true;
    this.#queue = [];
    this.#queued = 0;
    clearTimeout(this.#waiting);
    this.#drop(lines);
    this.#idle?.();
  }

  #drop(lines: number): void {
    this.#dropped += lines;
    this.#unsaid += lines;
  }
}

const NEWLINE = 0x0a;

function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) lines++;
  return lines;
}

/** Chooses a way to write to standard output that does not block, by its type. */
function standardOutput(): OutputPort {
  if (isatty(STDOUT)) return terminal();
  try {
    const what = fstatSync(STDOUT);
    if (what.isFIFO() || what.isSocket()) return new StreamPort();
  } catch {
    // The parent process closed standard output: every write fails.
  }
  return new FilePort(STDOUT);
}

/** A pipe or a socket: Node has made it non-blocking. */
class StreamPort implements OutputPort {
  constructor() {
    // The callback of each write gets the error as well.
    process.stdout.on("error", () => {});
  }

  write(bytes: Buffer, done: Parameters<OutputPort["write"]>[1]): void {
    process.stdout.write(bytes, (error) => done(error ?? undefined, error ? 0 : bytes.length));
  }

  writeLast(bytes: Buffer): void {
    process.stdout.write(bytes);
  }
}

/** A file: the write runs in another thread, which waits for the disk. */
class FilePort implements OutputPort {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  write(bytes: Buffer, done: Parameters<OutputPort["write"]>[1]): void {
    write(this.#descriptor, bytes, (error, written) => done(error ?? undefined, written ?? 0));
  }

  writeLast(bytes: Buffer): void {
    writeAtOnce(this.#descriptor, bytes);
  }
}

/**
 * Opens the terminal a second time, so that writing does not block here but still does for the shell that shares it. If it cannot be opened,
 * lines go to standard output directly.
 */
function terminal(): OutputPort {
  try {
    const descriptor = openSync(
      `/proc/self/fd/${STDOUT}`,
      constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
    process.once("exit", () => closeSync(descriptor));
    return new TerminalPort(descriptor);
  } catch {
    return new TerminalPort(STDOUT);
  }
}

class TerminalPort implements OutputPort {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  write(bytes: Buffer, done: Parameters<OutputPort["write"]>[1]): void {
    let written = 0;
    let failed: NodeJS.ErrnoException | undefined;
    try {
      written = writeSync(this.#descriptor, bytes);
      if (written < bytes.length) failed = Object.assign(new Error("the terminal is stopped"), { code: "EAGAIN" });
    } catch (error) {
      failed = error instanceof Error ? error : new Error(String(error));
    }
    done(failed, written);
  }

  writeLast(bytes: Buffer): void {
    writeAtOnce(this.#descriptor, bytes);
  }
}

function writeAtOnce(descriptor: number, bytes: Buffer): void {
  try {
    writeSync(descriptor, bytes);
  } catch {
    // The process ends, so the error cannot be reported.
  }
}
