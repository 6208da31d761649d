/** A program of another project, or a small program around its library, as a process. */
import { type ChildProcess, spawn } from "node:child_process";
import type { End, SeenObject } from "./contract.ts";

/** Characters of a process's errors that are kept to explain a failure. */
const ERRORS_KEPT = 4_000;

/** Milliseconds between the end of its input and SIGKILL. */
const GRACE_MS = 1_000;

/** Escape sequences that colour its lines. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for.
const COLOURS = /\u001b\[[\d;]*m/g;

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A process of a peer: what it printed, and how it ended. */
export class PeerProcess {
  readonly stdin: NodeJS.WritableStream;
  readonly #process: ChildProcess;
  readonly #gone: Promise<void>;
  #errors = "";
  #exit: string | undefined;

  constructor({ file, args, env = {} }: Command, output: (bytes: Buffer) => void = () => {}) {
    const child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
    this.#process = child;
    this.stdin = child.stdin;
    child.stdin.on("error", () => {});
    child.stdout.on("data", output);
    child.stderr.on("data", (bytes: Buffer) => {
      this.#errors = (this.#errors + bytes.toString().replace(COLOURS, "")).slice(-ERRORS_KEPT);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gone = promise;
    child.once("error", (error) => {
      this.#exit = error.message;
      resolve();
    });
    child.once("close", (code, signal) => {
      this.#exit ??= signal ?? String(code);
      resolve();
    });
  }

  /** What it wrote to its standard error lately, without colours. */
  get errors(): string {
    return this.#errors;
  }

  /** Exit code or signal; undefined while it runs. */
  get exit(): string | undefined {
    return this.#exit;
  }

  /** Resolves when it has ended. */
  get gone(): Promise<void> {
    return this.#gone;
  }

  async stop(): Promise<void> {
    this.stdin.end();
    const kill = setTimeout(() => this.#process.kill("SIGKILL"), GRACE_MS);
    if (this.#exit === undefined) this.#process.kill("SIGTERM");
    await this.#gone;
    clearTimeout(kill);
  }
}

/** A program around a peer's library that prints one JSON object a line: `drivers/` has them. */
export class Driver implements End {
  readonly objects: SeenObject[] = [];
  readonly #process: PeerProcess;
  #rest = "";
  #ready = Promise.withResolvers<void>();
  #failure: string | undefined;
  #stopping = false;

  constructor(command: Command) {
    this.#process = new PeerProcess(command, (bytes) => this.#take(bytes.toString()));
    void this.#process.gone.then(() => {
      if (!this.#stopping) this.#failure ??= `ended with ${this.#process.exit}: ${lastLine(this.#process.errors)}`;
      this.#ready.resolve();
    });
  }

  get failure(): string | undefined {
    return this.#failure;
  }

  /** Settles when it publishes or is subscribed, or has failed. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#process.stop();
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("{")) this.#event(JSON.parse(line));
  }

  #event(line: { event: string; message?: string } & SeenObject): void {
    if (line.event === "object") this.objects.push(line);
    else if (line.event === "ready") this.#ready.resolve();
    else if (line.event === "failed") this.#failure = line.message;
  }
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
