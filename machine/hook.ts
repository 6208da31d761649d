/** Commands of the operator that the relay runs when its state changes. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Clock } from "../moq/clock.ts";

/** Milliseconds until a command that failed runs again, while the state is still the same. */
export const RETRY_MS = 5_000;

/** Last bytes of what a command writes that are kept for the log. */
const OUTPUT_BYTES = 1_024;

/** What a command gets: variables of its environment. */
export type HookState = Readonly<Record<`MOQMESH_${string}`, string>>;

/** The outcome of a run. */
export interface HookRun {
  /** The exit code; undefined where the command was killed or could not be started. */
  readonly code: number | undefined;
  /** Why it failed. */
  readonly failure?: string;
  /** The end of what it wrote. */
  readonly output: string;
}

export type RunCommand = (command: readonly string[], state: HookState, timeoutMs: number) => Promise<HookRun>;

export interface HookDeps {
  readonly clock: Clock;
  readonly log: {
    info(fields: object, text: string): void;
    warn(fields: object, text: string): void;
  };
  /** Counts a run. */
  readonly ran: (succeeded: boolean) => void;
  /** Default: {@link runCommand}. */
  readonly run?: RunCommand;
}

export interface HookOptions {
  /** Its key in the configuration, for the log. */
  readonly name: string;
  /** Path of the program and its arguments; no shell reads them. */
  readonly command: readonly string[];
  /** Milliseconds after which a run is killed. */
  readonly timeoutMs: number;
}

/**
 * Runs a command for each state, one at a time. While a run is under way only the newest state is kept, so the last state wins. A run that
 * fails is repeated until it succeeds or the state changes.
 */
export class Hook {
  readonly #options: HookOptions;
  readonly #deps: HookDeps;
  #waiting: HookState | undefined;
  /** Of the run that is under way; resolves when no state waits. */
  #busy: Promise<void> | undefined;
  #cancelRetry = () => {};
  #closed = false;

  constructor(options: HookOptions, deps: HookDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Resolves when the command has run for this state, or for a newer one. It may have failed: then it is repeated later. */
  async set(state: HookState): Promise<void> {
    if (this.#closed) return;
    this.#cancelRetry();
    this.#waiting = state;
    this.#busy ??= this.#work();
    await this.#busy;
  }

  /** Starts no more runs. The one that is under way goes on. */
  close(): void {
    this.#closed = true;
    this.#waiting = undefined;
    this.#cancelRetry();
  }

  async #work(): Promise<void> {
    try {
      while (this.#waiting !== undefined) {
        const state = this.#waiting;
        this.#waiting = undefined;
        const good = await this.#run(state);
        if (!good && this.#waiting === undefined && !this.#closed) this.#retry(state);
      }
    } finally {
      this.#busy = undefined;
    }
  }

  async #run(state: HookState): Promise<boolean> {
    const { name, command } = this.#options;
    const { log, ran, clock } = this.#deps;
    const began = clock.now();
    const { code, failure, output } = await this.#attempt(state);
    const good = code === 0;
    ran(good);
    const fields = { hook: name, command: command[0], ...state, ms: Math.round(clock.now() - began) };
    if (good) log.info(fields, "hook has run");
    else {
      const text = "hook failed; it runs again in 5 s unless the state changes";
      log.warn({ ...fields, code, failure, output }, text);
    }
    return good;
  }

  async #attempt(state: HookState): Promise<HookRun> {
    const { command, timeoutMs } = this.#options;
    const { run = runCommand } = this.#deps;
    try {
      return await run(command, state, timeoutMs);
    } catch (error) {
      return notStarted(error);
    }
  }

  #retry(state: HookState): void {
    this.#cancelRetry = this.#deps.clock.timer(RETRY_MS, () => void this.set(state));
  }
}

/** Runs a command without a shell. It gets no variable of the relay's configuration, which may be a secret. Never rejects. */
export function runCommand(
  [program = "", ...args]: readonly string[],
  state: HookState,
  timeoutMs: number,
): Promise<HookRun> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(MOQMESH_|NOTIFY_SOCKET$|WATCHDOG_)/.test(name));
  const { promise, resolve } = Promise.withResolvers<HookRun>();
  let output = "";
  let late = false;
  let child: ChildProcess;
  try {
    // A process group of its own, so that what the command has started is killed with it.
    child = spawn(program, args, {
      env: { ...Object.fromEntries(inherited), ...state },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
  } catch (error) {
    // A NUL character, or a failure of the system such as E2BIG or ENOMEM.
    return Promise.resolve(notStarted(error));
  }
  child.once("error", (error) => end(notStarted(error)));
  const timer = setTimeout(() => {
    late = true;
    kill(child.pid);
  }, timeoutMs);
  // Without free file descriptors a child has no streams.
  const streams = [child.stdout, child.stderr];
  for (const stream of streams) {
    stream?.on("data", (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-OUTPUT_BYTES);
    });
  }
  const end = (run: Omit<HookRun, "output">) => {
    clearTimeout(timer);
    for (const stream of streams) stream?.destroy();
    resolve({ ...run, output: output.trim() });
  };
  child.once("exit", (code, signal) => {
    if (late) end({ code: undefined, failure: `killed: it took longer than ${timeoutMs} ms` });
    else if (code === 0) end({ code });
    else end({ code: code ?? undefined, failure: signal === null ? `exit code ${code}` : `ended by ${signal}` });
  });
  return promise;
}

/** The outcome of a command that could not be started. */
function notStarted(error: unknown): HookRun {
  return { code: undefined, failure: error instanceof Error ? error.message : String(error), output: "" };
}

function kill(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
