import type { Counters } from "../counters.ts";
import type { Source } from "./contract.ts";

/**
 * Tracks without viewers that stay subscribed at one publisher. Each takes a stream of the publisher, and browsers allow about a
 * hundred, most of which watched tracks need. At the bound the track whose viewers left first retires.
 */
const KEPT_TRACKS = 16;

/** A track without viewers. */
interface Kept {
  /** Retires it. */
  release(): void;
}

/** The tracks that stay subscribed without viewers, by publisher. One per process. */
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
