import type { Reason } from "../reason.ts";
import type { Channel, Later, OutStream } from "./contract.ts";

/** Objects that a late joiner is sent in one turn. The rest of a longer run follows in later turns. */
const REPLAY_OBJECTS = 256;

/** Small pieces are joined up to this many bytes before they are written to a late joiner. */
const JOIN_BYTES = 64 * 1024;

/** Objects in one order that a stream may carry: a subgroup, or the subgroups of a group merged. */
export interface Run {
  /** Objects that are kept, with the one that is arriving. */
  readonly length: number;
  /** Why it will never be whole; absent otherwise. */
  readonly broken: Reason | undefined;
  /** The index of the first object whose id is `id` or higher; {@link length} where there is none. */
  indexOf(id: number): number;
  /** Writes the objects from index `from` to `to`. `fresh`: nothing has been written to the stream. */
  replay(channel: Channel, stream: OutStream, from: number, to: number, fresh: boolean): void;
  /** `stream` has all objects so far. `last`: it gets none with a higher id; absent: it gets all that come. */
  join(channel: Channel, stream: OutStream, last: number | undefined): void;
  /** `stream` will not get the rest, because it is no longer kept. */
  lost(): void;
}

/** The part of a run that a stream carries, by object ids. */
export interface Part {
  /** Absent: from the first object on. */
  readonly first?: number | undefined;
  /** Absent: to the last one. */
  readonly last?: number | undefined;
}

/**
 * `stream` gets the objects of `part` that are there, and then those that come. Of a long run it gets the first {@link REPLAY_OBJECTS} now, and
 * the rest in a job for `later`. Without `later` it gets all of them now. The run may become another one between two turns, with the same
 * objects up to there.
 */
export function attach(
  content: { readonly run: Run },
  channel: Channel,
  stream: OutStream,
  later: Later | undefined,
  part: Part = WHOLE,
): void {
  const { first = 0, last } = part;
  const start = first > 0 ? content.run.indexOf(first) : 0;
  let at = start;
  const step = () => {
    const now = content.run;
    if (at > start && (stream.ended || now.length < at)) {
      // The run was reset or evicted meanwhile.
      if (!stream.ended) now.lost();
      stream.reset(channel.dialect.resetCode(now.broken ?? "evicted"));
      return true;
    }
    const end = last === undefined ? now.length : Math.min(now.length, now.indexOf(last + 1));
    const to = later === undefined ? end : Math.min(end, at + REPLAY_OBJECTS);
    if (to > at) now.replay(channel, stream, at, to, at === start);
    at = Math.max(at, to);
    if (at < end) return false;
    if (end < now.length) stream.finish();
    else now.join(channel, stream, last);
    return true;
  };
  if (!step()) later?.(step);
}

/** All objects. */
export const WHOLE: Part = {};

/** Writes `pieces`: those of a small run in one write, because each write costs; those of a large one stay shared. */
export function writeJoined(stream: OutStream, pieces: Uint8Array[]): void {
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (pieces.length <= 1 || total > JOIN_BYTES) {
    for (const piece of pieces) stream.write(piece);
    return;
  }
  const joined = new Uint8Array(total);
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  stream.write(joined);
}
