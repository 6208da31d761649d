import { Worker } from "node:worker_threads";
import { SharedState, type Silence } from "./shared-state.ts";

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
  readonly port: number;
  readonly silence: Silence;
}

/** What the thread reports: that it listens, or an error of its socket. */
export type ThreadMessage =
  | { readonly address: string; readonly port: number }
  | { readonly failed: string; readonly code: string };

export interface HealthPortOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly silence: Silence;
  /** Read at each beat. */
  readonly state: () => { readonly ready: boolean; readonly live: boolean };
  readonly warn: (message: string, error?: unknown) => void;
}

/**
 * The port of load balancers and orchestrators, in a thread of its own: `/health/ready` and `/health/live`, and their short names, with 200 or
 * 503 and nothing else. The main thread writes its state into shared memory four times a second; when it stops doing so, the relay is not
 * ready, and after a longer time no longer live.
 */
export class HealthPort {
  readonly address: { readonly address: string; readonly port: number };
  readonly #worker: Worker;
  readonly #beats: NodeJS.Timeout;
  #closed = false;

  /** Rejects with the system's error when the port cannot be bound. */
  static async open(options: HealthPortOptions): Promise<HealthPort> {
    const { host, port, silence } = options;
    const shared = new SharedState();
    const atLeast = { ...silence, blockedMs: Math.max(silence.blockedMs, LEAST_SILENCE_MS) };
    const workerData: ThreadData = { memory: shared.memory, host, port, silence: atLeast };
    const worker = new Worker(threadFile(), { workerData, resourceLimits: HEAP_MIB, name: "moqmesh-health" });
    worker.unref();
    try {
      const first = await firstMessage(worker);
      if ("failed" in first) throw Object.assign(new Error(first.failed), { code: first.code });
      return new HealthPort(first, worker, shared, options);
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  private constructor(
    address: HealthPort["address"],
    worker: Worker,
    shared: SharedState,
    { state, warn }: HealthPortOptions,
  ) {
    this.address = address;
    this.#worker = worker;
    const beat = () => shared.beat(process.hrtime.bigint(), state());
    beat();
    this.#beats = setInterval(beat, BEAT_MS);
    this.#beats.unref();
    worker.on("message", (message: ThreadMessage) => {
      if ("failed" in message) warn(`the health port failed on its socket; it keeps listening: ${message.failed}`);
    });
    worker.on("error", (error) => warn("the thread of the health port failed", error));
    worker.once("exit", () => {
      if (!this.#closed)
        warn("the health port no longer answers: its thread has ended; restart the relay when you can");
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#beats);
    await this.#worker.terminate();
  }
}

/** In a checkout Node runs the source; the published package has a bundle. */
function threadFile(): URL {
  const source = import.meta.url.endsWith(".ts");
  return new URL(source ? "./port-thread.ts" : "./health-port.js", import.meta.url);
}

function firstMessage(worker: Worker): Promise<ThreadMessage> {
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error("the thread of the health port ended at once")));
  });
}
