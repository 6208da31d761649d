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

/** The subscriptions of the peer that run or wait, by their request ids. A track has at most one of them (Subscriptions). */
export class ServedSubscriptions {
  readonly #byId = new Map<number, Joinable>();
  readonly #tracks = new Set<string>();

  add(requestId: number, subscription: Joinable): () => void {
    const key = keyOf(subscription);
    this.#byId.set(requestId, subscription);
    this.#tracks.add(key);
    return () => {
      this.#byId.delete(requestId);
      this.#tracks.delete(key);
    };
  }

  has(track: NamedTrack): boolean {
    return this.#tracks.has(keyOf(track));
  }

  get(requestId: number): Joinable | undefined {
    return this.#byId.get(requestId);
  }
}
