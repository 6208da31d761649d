import type { Source } from "./contract.ts";
import type { GroupStore } from "./group-store.ts";
import type { TrackHost } from "./track-host.ts";

/** Milliseconds between two checks of a quiet track. */
const CHECK_MS = 10_000;
/** Milliseconds without a frame after which a track is quiet. Live media has many frames in a second. */
const QUIET_MS = 1_000;
/** Checks in a row, {@link QUIET_MS} apart, that find a kept track busy until it retires. One update of a catalog is not live media. */
const BUSY_CHECKS = 3;

type Host = Pick<TrackHost<unknown>, "clock" | "kept" | "limits" | "unwatched">;

interface UnwatchedTrack {
  /** The publisher where it may stay subscribed without viewers. Nothing where it may not. */
  source(): Source | undefined;
  retire(): void;
}

/**
 * What becomes of a track after its last viewer has left: live media retires after the linger, and a quiet track stays subscribed for
 * as long as it is quiet. A quiet track, such as a catalog that was written once, costs nothing, and later viewers need its newest
 * group, which the publisher may not have any more. It stays subscribed because otherwise the publisher would send no newer group.
 */
export class Unwatched {
  readonly #host: Host;
  readonly #store: GroupStore;
  readonly #track: UnwatchedTrack;
  #cancel: (() => void) | undefined;
  /** The publisher where it is kept. */
  #source: Source | undefined;
  #busy = 0;

  constructor(host: Host, store: GroupStore, track: UnwatchedTrack) {
    this.#host = host;
    this.#store = store;
    this.#track = track;
  }

  /** It stays subscribed without viewers. */
  get kept(): boolean {
    return this.#source !== undefined;
  }

  /** The last viewer has left. Does nothing while it runs. */
  start(): void {
    if (this.#cancel !== undefined) return;
    const { clock, limits } = this.#host;
    const left = clock.now() - (limits.trackLingerMs > 0 ? 0 : QUIET_MS);
    this.#busy = 0;
    this.#wait(limits.trackLingerMs, () => this.#check((active) => (active > left ? undefined : QUIET_MS)));
  }

  /** The track has viewers again, or it ends. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#source === undefined) return;
    this.#host.kept.delete(this.#source, this);
    this.#source = undefined;
    this.#store.recall();
  }

  /** Retires the track. */
  release(): void {
    this.#track.retire();
  }

  /** `judge` returns the milliseconds until the next check, or nothing to retire the track. */
  #check(judge: (activeAt: number) => number | undefined): void {
    const source = this.#track.source();
    const active = this.#store.activeAt;
    const next = source === undefined || active === undefined ? undefined : judge(active);
    if (next === undefined || source === undefined) this.#track.retire();
    else this.#keep(source, next);
  }

  #judge(activeAt: number): number | undefined {
    const quiet = this.#host.clock.now() - activeAt >= QUIET_MS;
    this.#busy = quiet ? 0 : this.#busy + 1;
    if (this.#busy >= BUSY_CHECKS) return undefined;
    return quiet ? CHECK_MS : QUIET_MS;
  }

  #keep(source: Source, nextCheckMs: number): void {
    const { kept } = this.#host;
    this.#wait(nextCheckMs, () => this.#check((active) => this.#judge(active)));
    this.#store.park();
    if (this.#source === source) return;
    if (this.#source !== undefined) kept.delete(this.#source, this);
    this.#source = source;
    this.#host.unwatched();
    kept.add(source, this);
  }

  #wait(ms: number, then: () => void): void {
    this.#cancel = this.#host.clock.timer(ms, () => {
      this.#cancel = undefined;
      then();
    });
  }
}
