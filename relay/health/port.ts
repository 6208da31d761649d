import { Worker } from "node:worker_threads";
import type { Clock } from "../../moq/clock.ts";
import { SharedState, type Silence } from "./shared-state.ts";
import type { Stall } from "./stall-watch.ts";

const SOURCE = import.meta.url.endsWith(".ts");

/** Milliseconds between two beats of the main thread. */
const BEAT_MS = 250;

/** Least silence of the main thread that counts: several beats, so that a busy machine does not make the relay flap. */
const LEAST_SILENCE_MS = 1_000;

/** MiB of heap of the thread: it needs a few, and may not grow. */
const HEAP_MIB = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4 } as const;

/** What the thread gets. */
export interface ThreadData {
  readonly memory: SharedArrayBuffer;
  readonly host: string;
  readonly port: number | undefined;
  readonly silence: Silence;
  readonly stacks: boolean;
  /** URL of the program's folder, from which the paths of a stack are shown. */
  readonly root: string;
}

/** What the thread reports: that it listens, or that it has no port; an error of its socket; a stall of the main thread that is over. */
export type ThreadMessage =
  | { readonly address: string; readonly port: number }
  | { readonly started: true }
  | { readonly failed: string; readonly code: string }
  | { readonly stall: Stall };

export interface HealthThreadOptions {
  readonly host: string;
  /** 0 takes a free port; undefined opens none. */
  readonly port: number | undefined;
  readonly silence: Silence;
  /** Called with what the main thread did while it was blocked; absent: nothing is sampled. */
  readonly stalled?: (stall: Stall) => void;
  /** Read at each beat. */
  readonly state: () => { readonly ready: boolean; readonly live: boolean };
  readonly warn: (message: string, error?: unknown) => void;
  /** Times the beats. */
  readonly clock: Clock;
}

/**
 * A thread that watches the main thread. It has the port of load balancers and orchestrators: `/health/ready` and `/health/live`, and their short names, with 200 or
 * 503 and nothing else. The main thread writes its state into shared memory four times a second; when it stops doing so, the relay is not
 * ready, and after a longer time no longer live. With `stalled` it then samples the stack of the main thread, at most once a minute.
 */
export class HealthThread {
  /** Undefined without a port. */
  readonly address: { readonly address: string; readonly port: number } | undefined;
  readonly #worker: Worker;
  #cancelBeat = () => {};
  #closed = false;

  /** Rejects with the system's error when the port cannot be bound. */
  static async open(options: HealthThreadOptions): Promise<HealthThread> {
    const { host, port, silence, stalled } = options;
    const shared = new SharedState();
    const atLeast = { ...silence, blockedMs: Math.max(silence.blockedMs, LEAST_SILENCE_MS) };
    const workerData: ThreadData = {
      memory: shared.memory,
      host,
      port,
      silence: atLeast,
      stacks: stalled !== undefined,
      root: new URL(SOURCE ? "../../" : "../", import.meta.url).href,
    };
    const worker = new Worker(threadFile(), { workerData, resourceLimits: HEAP_MIB, name: "moqmesh-health" });
    worker.unref();
    try {
      const first = await firstMessage(worker);
      if ("failed" in first) throw Object.assign(new Error(first.failed), { code: first.code });
      return new HealthThread("address" in first ? first : undefined, worker, shared, options);
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  private constructor(
    address: HealthThread["address"],
    worker: Worker,
    shared: SharedState,
    { state, warn, stalled, clock }: HealthThreadOptions,
  ) {
    this.address = address;
    this.#worker = worker;
    const beat = () => {
      shared.beat(process.hrtime.bigint(), state());
      this.#cancelBeat = clock.timer(BEAT_MS, beat);
    };
    beat();
    worker.on("message", (message: ThreadMessage) => {
      if ("stall" in message) stalled?.(message.stall);
      else if ("failed" in message) warn(`the health port failed on its socket; it keeps listening: ${message.failed}`);
    });
    worker.on("error", (error) => warn("the thread of the health port failed", error));
    worker.once("exit", () => {
      if (!this.#closed)
        warn("the health port no longer answers: its thread has ended; restart the relay when you can");
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelBeat();
    await this.#worker.terminate();
  }
}

/** In a checkout Node runs the source. The published package has a bundle, in CommonJS: Node's loader of modules would cost the thread 7 MB. */
function threadFile(): URL {
  return new URL(SOURCE ? "./port-thread.ts" : "./health-port.cjs", import.meta.url);
}

function firstMessage(worker: Worker): Promise<ThreadMessage> {
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error("the thread of the health port ended at once")));
  });
}
