import { fileURLToPath } from "node:url";
import { Child } from "../../bench/system/child.ts";
import { BenchError } from "../../bench/system/error.ts";
import { readSoakAnswer, type SoakCounts, type SoakOrder, type SoakStart } from "./load/messages.ts";

const PROGRAM = fileURLToPath(new URL("load/main.ts", import.meta.url));

/** Milliseconds for all clients to leave. */
const LEAVE_MS = 60_000;

export const NO_COUNTS: SoakCounts = {
  kind: "counts",
  ...{ quic: 0, websocket: 0, refused: 0, admitted: 0, failed: 0, frames: 0, fetched: 0, open: 0 },
};

/** A process of clients. */
export class SoakLoad {
  readonly #child: Child;
  readonly #ready = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  /** Of its last report. */
  counts: SoakCounts = NO_COUNTS;

  constructor(start: SoakStart, output: (text: string) => void) {
    this.#child = new Child({
      name: `load ${start.name}`,
      command: [process.execPath, PROGRAM],
      cores: undefined,
      channel: true,
      output,
    });
    this.#stopped.promise.catch(() => {});
    this.#child.onMessage((message) => {
      const answer = readSoakAnswer(message);
      if (answer.kind === "counts") {
        this.counts = answer;
        this.#ready.resolve();
      }
      if (answer.kind === "stopped") this.#stopped.resolve();
      if (answer.kind === "failed") this.#stopped.reject(new BenchError(`${this.#child.name}: ${answer.message}`));
    });
    this.#order(start);
  }

  /** Resolves when its clients begin. Rejects when it ends by itself or cannot go on. */
  get ready(): Promise<void> {
    return Promise.race([this.#ready.promise, this.failed]);
  }

  /** Rejects when it ends by itself or cannot go on. */
  get failed(): Promise<void> {
    return Promise.race([this.#child.ended, this.#stopped.promise]);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Lets all its clients leave, then ends it. Rejects with a {@link BenchError} when clients stay. */
  async stop(): Promise<void> {
    this.#order({ kind: "stop" });
    const late = Promise.withResolvers<never>();
    const what = () => `${this.#child.name}: ${this.counts.open} clients did not leave within ${LEAVE_MS / 1_000} s`;
    const timer = setTimeout(() => late.reject(new BenchError(what())), LEAVE_MS);
    try {
      await Promise.race([this.failed, late.promise]);
    } finally {
      clearTimeout(timer);
      await this.#child.stop();
    }
  }

  /** Kills it: its sessions end without a word. */
  async kill(): Promise<void> {
    this.#child.signal("SIGKILL");
    await this.#child.gone;
  }

  #order(order: SoakOrder): void {
    this.#child.send(order);
  }
}
