import type { Broadcast } from "./broadcast.ts";

/** Finds broadcasts that no session of this relay has announced. The mesh is one. */
export interface BroadcastFinder {
  /**
   * Sessions watch `prefix`. `complete` is called once, when every broadcast under it is known. `pushed`: they want the tracks as well that
   * are pushed elsewhere: see `Advertisement.offered`. Returns a release.
   */
  watching(prefix: string, complete: () => void, pushed: boolean): () => void;
  /** Viewers use tracks of the broadcast, or wait for them. Returns a release. */
  wanting(path: string): () => void;
  /** The routes of the broadcast changed. */
  routed(broadcast: Broadcast): void;
}
