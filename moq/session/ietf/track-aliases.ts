import type { Clock } from "../../clock.ts";
import type { DatagramObject } from "../../model/index.ts";
import { TerminationError } from "../../wire/ietf/index.ts";
import type { Receiver } from "../received-groups.ts";

/** Milliseconds that a stream waits for the message that says what its alias stands for: several round trips. */
const WAIT_MS = 2_000;

/** Streams that may wait at once. A publisher begins few groups within a round trip. */
const MAX_WAITING = 64;

/** Bytes of such streams that a session holds: a few key frames. */
const MAX_HELD_BYTES = 1024 * 1024;

/** What an alias stands for. */
export interface AliasedTrack extends Receiver {
  /** The same for the same track. */
  readonly key: string;
  datagram(datagram: DatagramObject): void;
  /** The peer has not ended it. When it has, its last streams may follow, and its alias may stand for another track. */
  readonly established: boolean;
  /** The priority of streams and datagrams that have none of their own: 0 to 255, higher first. */
  readonly defaultPriority: number;
  /** Units per second of the timestamps of its objects. */
  readonly timescale: number;
}

interface Waiting {
  readonly alias: number;
  /** `track`: absent when its alias is still unknown. */
  settle(track: AliasedTrack | undefined): void;
}

/**
 * The tracks that the peer sends, by the aliases that it gave them (Track Alias). A stream may overtake the message that names its
 * alias, so it waits for that message: a bounded number of streams, for a bounded time.
 */
export class TrackAliases {
  readonly #clock: Pick<Clock, "timer">;
  readonly #tracks = new Map<number, AliasedTrack>();
  readonly #waiting = new Set<Waiting>();
  #held = 0;

  constructor(clock: Pick<Clock, "timer">) {
    this.#clock = clock;
  }

  /**
   * The peer calls `track` by `alias` until the returned function is called. A newer subscription of the same track takes its alias over.
   * Throws when another track has it that is not over.
   */
  add(alias: number, track: AliasedTrack): () => void {
    const before = this.#tracks.get(alias);
    if (before !== undefined && before.key !== track.key && before.established) {
      throw new TerminationError("duplicate_track_alias", "Track Alias", "already stands for another track");
    }
    this.#tracks.set(alias, track);
    for (const waiting of [...this.#waiting]) if (waiting.alias === alias) waiting.settle(track);
    return () => {
      if (this.#tracks.get(alias) === track) this.#tracks.delete(alias);
    };
  }

  get(alias: number): AliasedTrack | undefined {
    return this.#tracks.get(alias);
  }

  /** Calls `known` once, when the alias stands for a track, or when it has not become known in time. Returns a cancel. */
  wait(alias: number, known: (track: AliasedTrack | undefined) => void): () => void {
    if (this.#waiting.size >= MAX_WAITING) {
      known(undefined);
      return () => {};
    }
    const cancel = () => {
      cancelTimer();
      this.#waiting.delete(waiting);
    };
    const waiting: Waiting = {
      alias,
      settle: (track) => {
        cancel();
        known(track);
      },
    };
    const cancelTimer = this.#clock.timer(WAIT_MS, () => waiting.settle(undefined));
    this.#waiting.add(waiting);
    return cancel;
  }

  /** Counts `bytes` of waiting streams. False, and nothing counted, where they would be too many. */
  hold(bytes: number): boolean {
    if (this.#held + bytes > MAX_HELD_BYTES) return false;
    this.#held += bytes;
    return true;
  }

  /** The session is over. */
  close(): void {
    for (const waiting of [...this.#waiting]) waiting.settle(undefined);
    this.#tracks.clear();
  }
}
