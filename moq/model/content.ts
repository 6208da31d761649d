import type { Channel, Later, OutStream, SubgroupStart } from "./contract.ts";
import type { Group } from "./group.ts";
import type { StreamStart } from "./partial-streams.ts";
import type { Part } from "./replay.ts";

/** What a stream carries: a subgroup, or all of a group for a dialect that takes whole groups. */
export interface Content {
  readonly group: Group;
  /** What its stream begins with, in the track's numbers. */
  readonly start: SubgroupStart;
  /** The id of its first object; 0 without one. */
  readonly firstId: number;
  /** It may get more objects. */
  readonly open: boolean;
  /** When its last byte came; absent until it is whole. */
  readonly endedAt: number | undefined;
  readonly payloadBytes: number;
  /** Some objects of it are wanted, so that its stream begins with the first of these. Absent: all are. */
  readonly selects?: true;
  /** `stream` gets the objects of `part` that are there, and then those that come: see `attach` in `replay.ts`. */
  attach(channel: Channel, stream: OutStream, later?: Later, part?: Part): void;
  /** Begins once bytes of an object with the id `id` or a higher one are there, now if they are. */
  startAt(id: number, start: StreamStart): void;
}
