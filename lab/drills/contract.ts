import type { Broadcasting, BroadcastingOptions } from "../broadcasting.ts";
import type { Mesh } from "../mesh.ts";
import type { Release } from "../release.ts";
import type { Cuts } from "./cuts.ts";
import type { Steps } from "./steps.ts";

/** The mesh under drill, and the drill's outputs. */
export interface Exercise {
  readonly mesh: Mesh;
  readonly broadcasting: Broadcasting;
  /** For a drill that says step by step what viewers saw. */
  readonly steps: Steps;
  /** The version that the mesh began with, of a drill with `upgrade`. */
  readonly earlier: Release | undefined;
  /** Of a drill with `cuts`. */
  readonly cuts: Cuts | undefined;
  /** Shows a line to the person who watches. */
  readonly say: (what: string) => void;
  /** Adds a figure of this drill to its report. */
  readonly figure: (name: string, value: number | string) => void;
  /** Reports a failure of the drill. */
  readonly wrong: (what: string) => void;
}

/** A failure or an operation on a mesh while viewers watch. */
export interface Drill {
  readonly name: string;
  readonly summary: string;
  readonly origins: number;
  readonly publishing: BroadcastingOptions["publishing"];
  /** Longest gap that a viewer may see, in milliseconds; 0: no longer than usual. */
  readonly gapMs: number;
  /** Viewers must keep their sessions and subscriptions. */
  readonly undisturbed: boolean;
  /** Every group that the publisher completed must reach every viewer complete. */
  readonly lossless: boolean;
  /** Relays take the track from two others at once: no gap may be longer than the usual time between two frames. */
  readonly hitless?: boolean;
  /** The mesh begins with an earlier version of the program. */
  readonly upgrade?: boolean;
  /** Links between relays can be cut. */
  readonly cuts?: boolean;
  /** Regionals of a parent region, across an ocean from the publisher. */
  readonly hubs?: number;
  readonly run: (exercise: Exercise) => Promise<void>;
}
