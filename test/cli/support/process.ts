/** The program as a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export const BIN = fileURLToPath(new URL("../../../bin/moqmesh.js", import.meta.url));

/** Settings of a relay that is alone on this machine: loopback, free ports, JSON lines. */
export const QUIET = ["--host", "127.0.0.1", "--port", "0", "--http.admin_port", "0", "--log.format", "json"];

export class Program {
  readonly child: ChildProcess;
  #stdout = "";
  #stderr = "";
  /** Waiting for a piece of output. */
  readonly #waiting = new Set<() => void>();

  /** `stdout` is a descriptor that the program gets instead of a pipe to here. */
  constructor(
    args: readonly string[],
    options: { execArgv?: string[]; bin?: string; env?: NodeJS.ProcessEnv; stdout?: number } = {},
  ) {
    this.child = spawn(process.execPath, [...(options.execArgv ?? []), options.bin ?? BIN, ...args], {
      stdio: ["ignore", options.stdout ?? "pipe", "pipe"],
      env: options.env ?? process.env,
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#heard(() => (this.#stdout += text)));
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#heard(() => (this.#stderr += text)));
    this.child.once("close", () => this.#heard(() => undefined));
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** The first match on standard output; fails when the program ends without one. */
  async says(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#stdout.slice(from));
      if (match !== null) return match;
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`ended without ${pattern}: ${this.#stdout}${this.#stderr}`);
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** The line of the log that says where the relay listens; one that has to reach a root is ready later. */
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

  #heard(change: () => void): void {
    change();
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
