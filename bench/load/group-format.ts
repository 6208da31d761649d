import type { Link } from "../../moq/link.ts";

/** How the groups of one subscription are written, and where: each version has its own. */
export interface GroupFormat {
  readonly link: Link;
  /** The header of a group's stream. */
  stream(sequence: number): Uint8Array;
  /**
   * What comes before a frame of `size` bytes. `millis` is its time, `delta` the time since the frame before, or `millis` again for the first frame of
   * a stream. Valid until the next call.
   */
  frame(size: number, millis: number, delta: number): Uint8Array;
  /** The first group begins. */
  started(sequence: number): void;
}
