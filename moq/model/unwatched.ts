import type { Source } from "./contract.ts";
import type { GroupStore } from "./group-store.ts";
import type { TrackHost } from "./track-host.ts";

/** Milliseconds from one look at a track that is kept without viewers to the next. */
const LOOK_MS = 10_000;
/** A kept track to which nothing came for this long is quiet. Milliseconds: live media has many frames in a second. */
const QUIET_MS = 1_000;
/** Looks, {@link QUIET_MS} apart, that find a kept track busy before it is given up: one update of a catalog is no live media. */
const BUSY_LOOKS = 3;

type Host = Pick<TrackHost<unknown>, "clock" | "kept" | "limits" | "unwatched">;

interface UnwatchedTrack {
  /** Where it is subscribed to; nothing where it is not worth keeping without viewers. */
  source(): Source | undefined;
  retire(): void;
}

/**
 * What becomes of a track after its last viewer left. Live media is given up after a while. A track to which nothing came meanwhile,
 * such as a catalog that was written once, costs nothing, and its newest group is the only answer for later viewers: its publisher may
 * not have that group any more. It stays for as long as it is quiet. It stays subscribed, too: without a subscription nobody
 * would say that there is a newer group.
 */
export class Unwatched {
  readonly #host: Host;
  readonly #store: GroupStore;
  readonly #track: UnwatchedTrack;
  #cancel: (() => void) | undefined;
  /** Where it is kept. */
  #source: Source | undefined;
  #busy = 0;

  constructor(host: Host, store: GroupStore, track: UnwatchedTrack) {
    this.#host = host;
    this.#store = store;
    this.#track = track;
  }

  /** It stays subscribed although nobody watches. */
  get kept(): boolean {
    return this.#source !== undefined;
  }

  /** The last viewer left. Where it runs already, it goes on. */
  start(): void {
    if (this.#cancel !== undefined) return;
    const { clock, limits } = this.#host;
    const left = clock.now() - (limits.trackLingerMs > 0 ? 0 : QUIET_MS);
    this.#busy = 0;
    this.#wait(limits.trackLingerMs, () => this.#check((active) => (active > left ? undefined : QUIET_MS)));
  }

  /** Somebody watches again, or the track ends. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#source === undefined) return;
    this.#host.kept.delete(this.#source, this);
    this.#source = undefined;
    this.#store.recall();
  }

  /** Ends the track. */
  release(): void {
    this.#track.retire();
  }

  /** `judge` gives the time until the next look, or nothing to give the track up. */
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
    if (this.#busy >= BUSY_LOOKS) return undefined;
    return quiet ? LOOK_MS : QUIET_MS;
  }

  #keep(source: Source, nextLookMs: number): void {
    const { kept } = this.#host;
    this.#wait(nextLookMs, () => this.#check((active) => this.#judge(active)));
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
