/** The state of health that the main thread shares with the thread of the health port. */

/** Places in the array: nanoseconds of the last beat (`process.hrtime`, which all threads share), and two flags. */
const BEAT = 0;
const READY = 1;
const LIVE = 2;
const PLACES = 3;

const NS_PER_MS = 1_000_000n;

/** How long the main thread may be silent, in milliseconds. */
export interface Silence {
  /** Then the relay is not ready. */
  readonly blockedMs: number;
  /** Then it is no longer live: a loop that was blocked for so long does not come back. */
  readonly stuckMs: number;
}

/** Written by the main thread at each beat, read by the thread of the port at each request. */
export class SharedState {
  readonly memory: SharedArrayBuffer;
  readonly #places: BigInt64Array;

  constructor(memory = new SharedArrayBuffer(PLACES * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#places = new BigInt64Array(memory);
  }

  /** `now`: nanoseconds. */
  beat(now: bigint, { ready, live }: { readonly ready: boolean; readonly live: boolean }): void {
    Atomics.store(this.#places, READY, BigInt(ready));
    Atomics.store(this.#places, LIVE, BigInt(live));
    Atomics.store(this.#places, BEAT, now);
  }

  /** Milliseconds since the last beat; undefined before the first one. */
  silentMs(now: bigint): number | undefined {
    const beat = Atomics.load(this.#places, BEAT);
    return beat === 0n ? undefined : Number((now - beat) / NS_PER_MS);
  }

  read(now: bigint, { blockedMs, stuckMs }: Silence): { readonly ready: boolean; readonly live: boolean } {
    const silentMs = Number((now - Atomics.load(this.#places, BEAT)) / NS_PER_MS);
    return {
      ready: Atomics.load(this.#places, READY) === 1n && silentMs < blockedMs,
      live: Atomics.load(this.#places, LIVE) === 1n && silentMs < stuckMs,
    };
  }
}
