import type { Clock } from "../../moq/clock.ts";
import type { Distribution } from "../../moq/metrics.ts";
import type { Peers } from "../contract.ts";
import type { FailoverCounters } from "./metrics.ts";

/** What a track needs that moves from one relay to the next. */
export interface FailoverTrackDeps {
  /** Of the publisher: a relay that has another one is asked again later. */
  readonly epoch: bigint;
  readonly clock: Clock;
  readonly peers: Peers;
  /** Names of relays that have the broadcast, best first. `keep`: the track is taken from it, so it loses no place because it is busy. */
  readonly candidates: (keep?: string) => readonly string[];
  /** Milliseconds that the track waits while no relay can be reached; then it ends. */
  readonly holdMs: number;
  /**
   * The reason of that end. `upstream`: the viewers of this relay keep waiting. `unroutable`: the relays that this relay serves look for
   * another way.
   */
  readonly lostAs: "upstream" | "unroutable";
  readonly counters: FailoverCounters;
  /** Seconds without a group, of all tracks. */
  readonly gaps: Distribution;
  /** The track ended because no relay could be reached for `holdMs`. */
  readonly spent: () => void;
  /** The relay of the track was lost. True where another source continues, so that viewers see no gap. */
  readonly carried: () => boolean;
  /** Whether another source, of another relay than `node`, continues while `node` has ended the track. */
  readonly continues: (node: string) => boolean;
  /** The relay has another epoch. */
  readonly behind: (node: string) => void;
  readonly gone: () => void;
}
