import type { Cursor, WireBound, WireLimits } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import { MessageReader, readPath, readTrackName } from "./message.ts";
import type { Capabilities } from "./versions.ts";

/** PUSHED_REQUEST: asks a relay which tracks under a prefix are pushed (moq-transport PUBLISH). */
export interface PushedRequest {
  readonly prefix: string;
  /** Also tracks that are pushed to other relays. Otherwise those alone that are pushed to the relay itself. */
  readonly elsewhere: boolean;
}

/** PUSHED_START and PUSHED_END. Ids are implicit: both sides count the starts of a stream. */
export type Pushed =
  /** `epoch`: of the broadcast. */
  | { readonly kind: "start"; readonly suffix: string; readonly epoch: bigint; readonly track: string }
  | { readonly kind: "end"; readonly id: number }
  /** A start whose path or track name is over its bound. It uses up an id. */
  | { readonly kind: "oversized"; readonly bound: WireBound };

const START = 0;
const END = 1;
const NAMES = ["PUSHED_START", "PUSHED_END"];

export function encodePushedRequest({ prefix, elsewhere }: PushedRequest, caps: Capabilities): Uint8Array {
  return newWriter(caps).string(prefix).bool(elsewhere).message();
}

export function readPushedRequest(cursor: Cursor, limits: WireLimits): PushedRequest {
  return { prefix: readPath(cursor, limits), elsewhere: cursor.bool() };
}

export function encodePushed(message: Exclude<Pushed, { kind: "oversized" }>, caps: Capabilities): Uint8Array {
  const writer = newWriter(caps);
  if (message.kind === "end") return writer.varint(message.id).message(Uint8Array.of(END));
  const { suffix, epoch, track } = message;
  return writer.string(suffix).varintBig(epoch).string(track).message(Uint8Array.of(START));
}

/** What a relay answers on a Pushed Stream. */
export function pushedResponses(caps: Capabilities, limits: WireLimits): MessageReader<Pushed> {
  const expected = {
    clause: "Pushed",
    typed: true,
    name: (type: number) => NAMES[type],
    read: (cursor: Cursor, type: number): Pushed => {
      if (type === END) return { kind: "end", id: cursor.varint() };
      const suffix = readPath(cursor, limits);
      return { kind: "start", suffix, epoch: cursor.varintBig(), track: readTrackName(cursor, limits) };
    },
    oversized: (_type: number, bound: WireBound): Pushed => ({ kind: "oversized", bound }),
  };
  return new MessageReader(() => expected, limits, caps);
}
