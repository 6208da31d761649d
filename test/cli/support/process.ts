/** The program as a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach } from "node:test";
import { fileURLToPath } from "node:url";
import { patient } from "../../../scripts/suite/patience.ts";

export const BIN = fileURLToPath(new URL("../../../bin/moqmesh.js", import.meta.url));

/** Settings of a relay that is alone on this machine: loopback, free ports, JSON lines. */
export const QUIET = ["--host", "127.0.0.1", "--port", "0", "--http.admin_port", "0", "--log.format", "json"];

/** Milliseconds that a test waits for one line of a program: a line that was reworded fails the test with all output. */
const SAYS_MS = patient(40_000);

export interface ProgramOptions {
  readonly execArgv?: readonly string[];
  readonly bin?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** A descriptor that the program writes to instead of a pipe to the test. */
  readonly stdout?: number;
  /** Most file descriptors that it may have; default: as the test. */
  readonly descriptors?: number;
}

export class Program {
  readonly child: ChildProcess;
  #stdout = "";
  #stderr = "";
  /** Called at each piece of output. */
  readonly #listeners = new Set<() => void>();

  constructor(args: readonly string[], options: ProgramOptions = {}) {
    const { execArgv = [], bin = BIN, descriptors } = options;
    const command = [process.execPath, ...execArgv, bin, ...args];
    const limited = ["/bin/sh", "-c", 'ulimit -n "$0"; exec "$@"', String(descriptors), ...command];
    const [file = "", ...rest] = descriptors === undefined ? command : limited;
    this.child = spawn(file, rest, {
      stdio: ["ignore", options.stdout ?? "pipe", "pipe"],
      env: options.env ?? process.env,
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#changed(() => (this.#stdout += text)));
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#changed(() => (this.#stderr += text)));
    this.child.once("close", () => this.#changed(() => undefined));
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** The first match on standard output; fails when the program ends without one, or after {@link SAYS_MS}. */
  async says(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    let late = false;
    const timer = setTimeout(() => this.#changed(() => (late = true)), SAYS_MS);
    try {
      for (;;) {
        const match = pattern.exec(this.#stdout.slice(from));
        if (match !== null) return match;
        const ended = this.child.exitCode !== null || this.child.signalCode !== null;
        if (ended || late) {
          throw new Error(`${ended ? "ended" : `${SAYS_MS} ms`} without ${pattern}: ${this.#stdout}${this.#stderr}`);
        }
        await new Promise<void>((resolve) => this.#listeners.add(resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** The ports in the log line with which the relay listens; a relay with roots is ready later. */
  async ready(): Promise<{ port: number; admin: number }> {
    const [line] = await this.says(/^.*"(?:relay ready|listening)".*$/m);
    const entry: { port: number; admin: number } = JSON.parse(line);
    return entry;
  }

  /** Exit code, or the signal that ended it, once all output is there. */
  async ends(): Promise<number | NodeJS.Signals> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, "close");
    return this.child.exitCode ?? this.child.signalCode ?? -1;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  #changed(change: () => void): void {
    change();
    for (const wake of this.#listeners) wake();
    this.#listeners.clear();
  }
}

/** Programs of one file of tests, with one folder for their state; what still runs after a test is killed. */
export interface Programs {
  readonly folder: string;
  /** Starts the program with any arguments. */
  run(args: readonly string[], options?: ProgramOptions): Program;
  /** Starts a relay with {@link QUIET} and more arguments. */
  serve(args?: readonly string[], options?: ProgramOptions): Program;
}

export function programsForTests(): Programs {
  const folder = mkdtempSync(join(tmpdir(), "moqmesh-programs-"));
  const running: Program[] = [];
  afterEach(async () => {
    for (const program of running.splice(0)) {
      program.kill("SIGKILL");
      await program.ends();
    }
  });
  after(() => rmSync(folder, { recursive: true }));
  const run = (args: readonly string[], options?: ProgramOptions) => {
    const program = new Program(args, options);
    running.push(program);
    return program;
  };
  const state = ["--tls.state_dir", join(folder, "state")];
  return { folder, run, serve: (args = [], options) => run(["serve", ...QUIET, ...state, ...args], options) };
}
