import type { Cursor, WireLimits } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import { readPath, readTrackName } from "./message.ts";
import type { Capabilities } from "./versions.ts";

/** FETCH: asks for one group. The answer is its frames, bare. */
export interface Fetch {
  readonly path: string;
  readonly track: string;
  /** 0 for the current generation, and in versions without it. */
  readonly epoch: bigint;
  /** 0 to 255, higher first. */
  readonly priority: number;
  readonly group: number;
}

export function encodeFetch(message: Fetch, caps: Capabilities): Uint8Array {
  const writer = newWriter().string(message.path).string(message.track);
  if (caps.epochs) writer.varintBig(message.epoch);
  return writer.u8(message.priority).varint(message.group).message();
}

export function readFetch(cursor: Cursor, caps: Capabilities, limits: WireLimits): Fetch {
  const path = readPath(cursor, limits);
  const track = readTrackName(cursor, limits);
  const epoch = caps.epochs ? cursor.varintBig() : 0n;
  return { path, track, epoch, priority: cursor.u8(), group: cursor.varint() };
}
