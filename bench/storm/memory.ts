import { rssKb } from "../system/proc.ts";

/** Milliseconds between two readings. */
const LOOK_MS = 100;

const KB_PER_MB = 1_024;

/** Follows the resident memory of processes, together. */
export class Memory {
  readonly beforeMb: number;
  readonly #pids: readonly number[];
  readonly #timer: NodeJS.Timeout;
  #peakMb: number;

  constructor(pids: readonly number[]) {
    this.#pids = pids;
    this.beforeMb = this.nowMb;
    this.#peakMb = this.beforeMb;
    this.#timer = setInterval(() => {
      this.#peakMb = Math.max(this.#peakMb, this.nowMb);
    }, LOOK_MS);
  }

  get nowMb(): number {
    return this.#pids.reduce((sum, pid) => sum + rssKb(pid), 0) / KB_PER_MB;
  }

  /** The most so far. */
  get peakMb(): number {
    return this.#peakMb;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
