import type { Library } from "../explain.ts";
import type { Fault } from "../fault.ts";
import type { Spread } from "../spread.ts";
import type { Target } from "../target.ts";

/** Name of the track that a probe publishes. */
export const TRACK = "probe";

/** Names the relays on the way of a broadcast. */
export interface NamesOfHops {
  /** Names by hop id. `lists`: the hops that were announced; the last one of a list is the watched relay. */
  resolve(path: string, lists: readonly (readonly bigint[])[]): Promise<ReadonlyMap<bigint, string>>;
}

/** What one run does. */
export interface Plan {
  readonly library: Library;
  readonly publish: Target;
  readonly watch: readonly Target[];
  /** Relative to the path of the publishing URL; absent: the first one that both sides may use. */
  readonly prefix?: string;
  readonly durationMs: number;
  readonly framesPerSecond: number;
  /** Bytes of a frame. */
  readonly frameBytes: number;
  readonly hopNames?: NamesOfHops;
}

/** What must hold for a run to pass, besides that every watched relay delivers. Absent: no bound. */
export interface Thresholds {
  /** Milliseconds; for 99 % of the frames. */
  readonly maxDelayMs?: number;
  /** Share of the frames, from 0 to 1. */
  readonly maxLoss?: number;
}

/** One relay on the way of the broadcast, or its publisher. */
export interface Hop {
  /** Id in announcements; 0 is unknown. */
  readonly hop: bigint;
  /** Its name, where the mesh tells. */
  readonly node?: string;
}

/** What one watched relay did. Times are milliseconds; absent for a step that was not reached. */
export interface Watched {
  /** Without its query. */
  readonly url: string;
  readonly protocol?: string;
  readonly connectMs?: number;
  /** From the publication until the announcement. */
  readonly announceMs?: number;
  /** From the subscription until the first frame. */
  readonly firstFrameMs?: number;
  readonly hops?: readonly Hop[];
  /** From the publisher's write until the frame was whole here, of each frame of the measurement. */
  readonly delay: Spread;
  /** Frames of the measurement. */
  readonly expected: number;
  readonly received: number;
  readonly lost: number;
  readonly duplicates: number;
  /** Frames whose bytes differ from those that were sent. */
  readonly damaged: number;
  /** Why this relay delivers no more. */
  readonly fault?: Fault;
}

export interface Report {
  /** Absolute; absent: nothing was published. */
  readonly path?: string;
  readonly publish: {
    readonly url: string;
    readonly protocol?: string;
    readonly connectMs?: number;
  };
  /** Milliseconds of the measurement, and the frames that were published in it. */
  readonly measuredMs: number;
  readonly published: number;
  readonly watched: readonly Watched[];
  /** Why the whole run ended early: its publisher failed, or it could not begin. */
  readonly fault?: Fault;
  /** A signal ended it early. */
  readonly interrupted: boolean;
}

/** The URL as it may be shown: without the query, which may contain a token. */
export function shown({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}
