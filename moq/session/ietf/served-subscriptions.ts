import type { Location } from "../../model/index.ts";
import { keyOf, type NamedTrack } from "./named-track.ts";

/** A subscription of the peer, as far as a joining fetch needs it (Joining Fetches). */
export interface Joinable extends NamedTrack {
  /** Objects are sent. */
  forwards(): boolean;
  /** The largest location in our answer when forwarding began; absent where the track has no objects, or while there is no answer. */
  joining(): Location | undefined;
  /** Calls `callback` once the peer has its answer, which may be a refusal; possibly now. Returns a cancel. */
  whenAnswered(callback: () => void): () => void;
}

/** The subscriptions of the peer that run or wait, by their request ids. A PUBLISH of ours and a SUBSCRIBE of the peer may cross, so a track may have several in any draft. */
export class ServedSubscriptions {
  readonly #byId = new Map<number, Joinable>();
  /** How many a track has. */
  readonly #tracks = new Map<string, number>();

  add(requestId: number, subscription: Joinable): () => void {
    const key = keyOf(subscription);
    this.#byId.set(requestId, subscription);
    this.#tracks.set(key, (this.#tracks.get(key) ?? 0) + 1);
    return () => {
      this.#byId.delete(requestId);
      const left = (this.#tracks.get(key) ?? 0) - 1;
      if (left > 0) this.#tracks.set(key, left);
      else this.#tracks.delete(key);
    };
  }

  has(track: NamedTrack): boolean {
    return this.#tracks.has(keyOf(track));
  }

  get(requestId: number): Joinable | undefined {
    return this.#byId.get(requestId);
  }
}
