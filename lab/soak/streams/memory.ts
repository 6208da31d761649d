import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** MiB that memory may grow by in the second half of the run; in the first half, tables reach their size. */
const ALLOWED_MIB = 24;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/**
 * Memory in use, in MiB: resident memory minus heap that V8 has reserved and does not use. V8 doubles its heap at times while thousands of
 * streams open and end, and returns it late; a leak is visible all the same.
 */
function used(): { readonly used: number; readonly rss: number } {
  collect();
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  return { used: (rss - heapTotal + heapUsed) / 2 ** 20, rss: rss / 2 ** 20 };
}

/** The memory of one end over a run. */
export class Memory {
  readonly #name: string;
  readonly #total: number;
  #early = 0;

  constructor(name: string, total: number) {
    this.#name = name;
    this.#total = total;
  }

  /** Records the memory in use after `done` streams; false when it has grown too much. */
  look(done: number): boolean {
    const { used: now, rss } = used();
    if (done < this.#total / 2) this.#early = Math.max(this.#early, now);
    console.log(`${this.#name}: ${done} streams, ${now.toFixed(0)} MiB in use, ${rss.toFixed(0)} MiB resident`);
    return this.#early === 0 || now - this.#early <= ALLOWED_MIB;
  }
}
