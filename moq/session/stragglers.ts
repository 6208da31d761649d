import type { Clock } from "../clock.ts";
import type { Counters } from "../counters.ts";
import { LazyMap } from "../lazy.ts";

/** Milliseconds that streams of a track are still taken after its peer has ended it: they may follow the message that says so. */
const STRAGGLER_MS = 2_000;

/**
 * Ended tracks of one peer whose last streams are still taken: more than a large broadcast has. At the bound the track that ended first is
 * forgotten, so that a peer that begins and ends tracks all the time costs no more than this.
 */
const MAX_ENDED_TRACKS = 1_024;

/** The tracks that the peer has ended, for as long as their last streams may follow. One timer serves all of them. */
export class Stragglers {
  readonly #clock: Clock;
  readonly #counters: Pick<Counters, "boundsHit">;
  /** What forgets each of them, and when it is due; oldest first. */
  readonly #ended = new LazyMap<() => void, number>();
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, counters: Pick<Counters, "boundsHit">) {
    this.#clock = clock;
    this.#counters = counters;
  }

  /** A track has ended: `forget`, a function of its own, is called when its last streams have had their time. Returns a cancel. */
  add(forget: () => void): () => void {
    this.#ended.set(forget, this.#clock.now() + STRAGGLER_MS);
    if (this.#ended.size > MAX_ENDED_TRACKS) {
      this.#counters.boundsHit.ended_tracks_per_session++;
      this.#forgetFirst();
    }
    this.#schedule(STRAGGLER_MS);
    return () => this.#ended.delete(forget);
  }

  /** The session is over. */
  close(): void {
    this.#cancel?.();
    this.#ended.clear();
  }

  #schedule(delayMs: number): void {
    this.#cancel ??= this.#clock.timer(delayMs, () => {
      this.#cancel = undefined;
      const now = this.#clock.now();
      for (const [, due] of this.#ended) {
        if (due > now) {
          this.#schedule(due - now);
          return;
        }
        this.#forgetFirst();
      }
    });
  }

  #forgetFirst(): void {
    const [first] = this.#ended.keys();
    if (first === undefined) return;
    this.#ended.delete(first);
    first();
  }
}
