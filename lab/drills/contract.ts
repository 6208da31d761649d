import type { Broadcasting, BroadcastingOptions } from "../broadcasting.ts";
import type { Mesh } from "../mesh.ts";

/** What a drill may look at and say while it runs. */
export interface Exercise {
  readonly mesh: Mesh;
  readonly broadcasting: Broadcasting;
  /** A line for whoever watches. */
  readonly told: (what: string) => void;
  /** A figure that only this drill has, for its report. */
  readonly figure: (name: string, value: number | string) => void;
  /** Something that must not be: the drill has failed. */
  readonly wrong: (what: string) => void;
}

/** Something that is done to a mesh while viewers watch. */
export interface Drill {
  readonly name: string;
  readonly summary: string;
  readonly origins: number;
  readonly publishing: BroadcastingOptions["publishing"];
  /** Longest time without a frame that a viewer may see, in milliseconds; 0: none beyond what is usual. */
  readonly gapMs: number;
  /** Viewers keep their session with their relay and their subscription there. */
  readonly undisturbed: boolean;
  /** Every group that the publisher sent whole reaches every viewer whole. */
  readonly lossless: boolean;
  readonly run: (exercise: Exercise) => Promise<void>;
}
