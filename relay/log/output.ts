/**
 * Writes lines to standard output without ever stopping the thread or the program: a reader that stands still, a full disk or a
 * terminal that is gone costs lines, which are counted, and nothing else.
 */
import { closeSync, constants, fstatSync, openSync, write, writeSync } from "node:fs";
import { isatty } from "node:tty";
import { counter, metricGroup } from "../../moq/metrics.ts";

export const LOG_METRICS = metricGroup("Log", {
  dropped: counter("log_lines_lost_total", "Lines of the log that the relay could not write."),
});

/** Bytes of lines that wait for a slow reader or a full disk; further lines are dropped. Some thousand lines of a busy relay. */
const MAX_QUEUED_BYTES = 1024 * 1024;

/** Milliseconds between two attempts to write to an output that failed, such as a full disk. */
const RETRY_MS = 1_000;

/** Milliseconds between two attempts to write to a terminal that stands still, as after Ctrl-S. */
const TERMINAL_RETRY_MS = 50;

/** Milliseconds that closing waits for the lines that are left. */
const CLOSE_MS = 1_000;

const STDOUT = 1;

/** Errors after which nothing can be written any more: the reader has gone. */
const FINAL_ERRORS: ReadonlySet<string> = new Set(["EPIPE", "EBADF", "ERR_STREAM_DESTROYED", "ECONNRESET"]);

/** Where bytes go. One write is under way at a time. */
export interface OutputPort {
  /** Never blocks. `done` gets the bytes that were written, in a later turn or at once. */
  write(bytes: Buffer, done: (error: NodeJS.ErrnoException | undefined, written: number) => void): void;
  /** As much as can be written at once, when the process ends. */
  writeLast(bytes: Buffer): void;
}

/** Lines on their way out. */
export class LogOutput {
  readonly #port: OutputPort;
  /** Said where lines are written again after some were dropped: how many, and why. */
  #onLost: (lost: number, why: string) => void = () => {};
  #queue: Buffer[] = [];
  #queued = 0;
  #writing = false;
  #waiting: NodeJS.Timeout | undefined;
  #why = "the reader is too slow";
  /** The reader has gone for good. */
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

  /** Whole lines. Never blocks, never throws. */
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
   * Waits until all is written, but not for ever; nothing is written afterwards. False when a write is still under way: the process does
   * not end by itself then.
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

/** The way to standard output that does not block, by what it is. */
function standardOutput(): OutputPort {
  if (isatty(STDOUT)) return terminal();
  try {
    const what = fstatSync(STDOUT);
    if (what.isFIFO() || what.isSocket()) return new StreamPort();
  } catch {
    // Closed by who started us: every write fails, and that is all.
  }
  return new FilePort(STDOUT);
}

/** A pipe or a socket: Node has made it non-blocking. */
class StreamPort implements OutputPort {
  constructor() {
    // Each write gets the error as well.
    process.stdout.on("error", () => {});
  }

  write(bytes: Buffer, done: Parameters<OutputPort["write"]>[1]): void {
    process.stdout.write(bytes, (error) => done(error ?? undefined, error ? 0 : bytes.length));
  }

  writeLast(bytes: Buffer): void {
    process.stdout.write(bytes);
  }
}

/** A file: another thread waits for the disk. */
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
 * A terminal opened once more, so that it does not block here and still does for the shell that has it, too. Where it cannot be opened it is
 * written to as it is.
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
      if (written < bytes.length) failed = Object.assign(new Error("the terminal stands still"), { code: "EAGAIN" });
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
    // The process ends; there is nobody to say it to.
  }
}
