import type { Counters } from "../counters.ts";
import type { Source } from "./contract.ts";

/**
 * Most quiet tracks that stay subscribed at one publisher. Each uses one of the publisher's streams. Browsers allow about 100, and watched
 * tracks need most of them. At the bound the track that was kept first retires.
 */
const KEPT_TRACKS = 16;

/** A quiet track without viewers. */
interface Kept {
  /** Retires the track, which calls {@link KeptTracks.delete}. */
  release(): void;
}

/** Quiet tracks that stay subscribed after their last viewer left (see `unwatched.ts`), by publisher. One per process. */
export class KeptTracks {
  readonly #counters: Counters;
  readonly #bySource = new Map<Source, Set<Kept>>();

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  add(source: Source, track: Kept): void {
    const kept = this.#bySource.get(source) ?? new Set();
    this.#bySource.set(source, kept.add(track));
    if (kept.size <= KEPT_TRACKS) return;
    this.#counters.boundsHit.kept_tracks_per_session++;
    const [oldest] = kept;
    oldest?.release();
  }

  delete(source: Source, track: Kept): void {
    const kept = this.#bySource.get(source);
    if (kept?.delete(track) && kept.size === 0) this.#bySource.delete(source);
  }

  /** Retires all tracks that are kept at `source`. False when there are none. */
  release(source: Source): boolean {
    const kept = [...(this.#bySource.get(source) ?? [])];
    for (const track of kept) track.release();
    return kept.length > 0;
  }
}
