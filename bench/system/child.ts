import { type ChildProcess, spawn } from "node:child_process";
import { BenchError } from "./error.ts";
import { pinned } from "./pin.ts";

/** Characters of a process's output that are kept to explain a failure. */
const OUTPUT_KEPT = 2_000;

/** Milliseconds between SIGTERM and SIGKILL. */
const GRACE_MS = 3_000;

export interface ChildOptions {
  readonly name: string;
  readonly command: readonly string[];
  /** Cores to run on; absent: any. */
  readonly cores: readonly number[] | undefined;
  /** True for a process with a channel for messages. */
  readonly channel: boolean;
  readonly env?: NodeJS.ProcessEnv;
  /** Each line of its standard output. */
  readonly line?: (line: string) => void;
  /** Everything that it prints, in pieces. */
  readonly output?: (text: string) => void;
}

/** Running processes. */
const running = new Set<Child>();

/** Ends every process that the bench has started; a caller that waits for one gets an error. False when none runs. */
export function interruptAll(): boolean {
  for (const child of running) child.interrupt();
  return running.size > 0;
}

/** A process that the bench started and ends. */
export class Child {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #ended = Promise.withResolvers<never>();
  readonly #gone = Promise.withResolvers<number | NodeJS.Signals>();
  #output = "";
  #over = false;

  constructor(options: ChildOptions) {
    this.name = options.name;
    const [file, args] = pinned(options.cores, options.command);
    this.#process = spawn(file, args, {
      stdio: ["ignore", "pipe", "pipe", ...(options.channel ? (["ipc"] as const) : [])],
      env: options.env ?? process.env,
    });
    running.add(this);
    // A caller that waits for it sees the failure; there may be no such caller.
    this.#ended.promise.catch(() => {});
    let rest = "";
    const take = (text: string) => {
      this.#output = (this.#output + text).slice(-OUTPUT_KEPT);
      options.output?.(text);
    };
    this.#process.stderr?.setEncoding("utf8").on("data", take);
    this.#process.stdout?.setEncoding("utf8").on("data", (text: string) => {
      take(text);
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) options.line?.(line);
    });
    this.#process.once("error", (error) => {
      this.#fail(`cannot start ${this.name}: ${error.message}`);
      this.#gone.resolve(1);
    });
    this.#process.once("exit", (code, signal) => {
      this.#fail(`${this.name} ended by itself (${signal ?? code})`);
      this.#gone.resolve(signal ?? code ?? 0);
    });
  }

  get pid(): number {
    const { pid } = this.#process;
    if (pid === undefined) throw new BenchError(`${this.name} did not start`);
    return pid;
  }

  /** Rejects with a {@link BenchError} when the process ends. */
  get ended(): Promise<never> {
    return this.#ended.promise;
  }

  /** Resolves with its exit code or signal when it has ended. */
  get gone(): Promise<number | NodeJS.Signals> {
    return this.#gone.promise;
  }

  /** The end of its output, to explain a failure. */
  get output(): string {
    return this.#output.trim();
  }

  signal(name: NodeJS.Signals): void {
    if (!this.#over) this.#process.kill(name);
  }

  send(message: object): void {
    if (!this.#over && this.#process.connected) this.#process.send(message);
  }

  onMessage(take: (message: unknown) => void): void {
    this.#process.on("message", take);
  }

  /** Asks it to end (SIGTERM), and kills it if it does not. */
  async stop(): Promise<void> {
    if (this.#over) return;
    const gone = new Promise<void>((resolve) => this.#process.once("exit", () => resolve()));
    const killer = setTimeout(() => this.#process.kill("SIGKILL"), GRACE_MS);
    if (this.#process.connected) this.#process.disconnect();
    else this.#process.kill("SIGTERM");
    await gone;
    clearTimeout(killer);
  }

  /** Asks it to end (SIGTERM); its users get an error. */
  interrupt(): void {
    this.#process.kill("SIGTERM");
  }

  #fail(what: string): void {
    running.delete(this);
    if (this.#over) return;
    this.#over = true;
    const { output } = this;
    this.#ended.reject(new BenchError(output === "" ? what : `${what}:\n${output}`));
  }
}
