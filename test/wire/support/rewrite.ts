/** Writes again what was read: encoders accept everything that readers return. */
import { DEFAULT_WIRE_LIMITS } from "../../../moq/wire/codec/limits.ts";
import { type AnnounceResponse, encodeAnnouncement, encodeAnnounceOk } from "../../../moq/wire/lite/announce.ts";
import { newWriter } from "../../../moq/wire/lite/codec.ts";
import { FetchedObjectEncoder } from "../../../moq/wire/lite/fetched-objects.ts";
import { frameHeaders } from "../../../moq/wire/lite/frame-codec.ts";
import { encodeGroupStream, type GroupHeader } from "../../../moq/wire/lite/group.ts";
import { encodeObjectHeader } from "../../../moq/wire/lite/object.ts";
import { encodeProbe, type Probe } from "../../../moq/wire/lite/probe.ts";
import { encodeRequest, type Request } from "../../../moq/wire/lite/requests.ts";
import { encodeSetupStream, type Setup } from "../../../moq/wire/lite/setup.ts";
import {
  encodeSubscribeResponse,
  encodeSubscribeUpdate,
  type SubscribeResponse,
} from "../../../moq/wire/lite/subscribe.ts";
import { encodeTrackInfo, type TrackInfo } from "../../../moq/wire/lite/track.ts";
import type { Capabilities } from "../../../moq/wire/lite/versions.ts";
import { bytes, concat } from "./bytes.ts";
import type { ReadFetched, ReadFrame, ReadGap, StreamKind } from "./read.ts";

type UniMessage =
  | ({ kind: "group" } & GroupHeader)
  | ({ kind: "setup" } & Setup)
  | { kind: "unknown"; type: number }
  | (ReadFrame & { kind?: undefined });

/** A stream of that kind with `messages`, which were read from another stream. */
export function rewritten(kind: StreamKind, caps: Capabilities, messages: readonly unknown[]): Uint8Array {
  switch (kind) {
    case "request":
      return concat(...(messages as Request[]).map((message, index) => rewriteRequest(message, index, caps)));
    case "announce":
      return concat(...(messages as AnnounceResponse[]).map((message) => rewriteAnnouncement(message, caps)));
    case "subscribe":
      return concat(...(messages as SubscribeResponse[]).map((message) => encodeSubscribeResponse(message, caps)));
    case "track":
      return concat(...(messages as TrackInfo[]).map((message) => encodeTrackInfo(message, caps)));
    case "probe":
      return concat(...(messages as Probe[]).map((message) => encodeProbe(message, caps)));
    case "frames":
      if (caps.objects) return rewriteFetched(messages as (ReadFetched | ReadGap)[]);
      return rewriteFrames(messages as ReadFrame[], caps);
    case "uni": {
      const [first, ...frames] = messages as UniMessage[];
      switch (first?.kind) {
        case "group":
          return concat(encodeGroupStream(caps, first), rewriteFrames(frames as ReadFrame[], caps));
        case "setup":
          return encodeSetupStream(first, caps);
        case "unknown":
          return newWriter(caps).varint(first.type).finish();
        default:
          return new Uint8Array(0);
      }
    }
  }
}

function rewriteRequest(message: Request, index: number, caps: Capabilities): Uint8Array {
  if (message.kind === "unknown") return newWriter(caps).varint(message.type).finish();
  if (message.kind === "subscribeUpdate") return encodeSubscribeUpdate(message, caps);
  // Further targets of a probe have no stream type before them.
  return message.kind === "probe" && index > 0 ? encodeProbe(message, caps) : encodeRequest(message, caps);
}

/** The third status of 05, which we only read: written here by hand. */
function rewriteAnnouncement(message: AnnounceResponse, caps: Capabilities): Uint8Array {
  if (message.kind === "ok") return encodeAnnounceOk(message, caps);
  if (message.kind === "oversized") {
    const suffix = "a".repeat(DEFAULT_WIRE_LIMITS.pathBytes + 1);
    return encodeAnnouncement({ kind: "start", suffix, hops: [], epoch: 0n, ended: false, cost: 0 }, caps);
  }
  const written = encodeAnnouncement(message, caps);
  if (message.kind === "update" && !caps.announceIds) written[written.indexOf(1, lengthOf(written))] = 2;
  return written;
}

function lengthOf(message: Uint8Array): number {
  return 1 << ((message[0] ?? 0) >> 6);
}

function rewriteFrames(frames: readonly ReadFrame[], caps: Capabilities): Uint8Array {
  let [last, lastId] = [0, -1];
  const parts = frames.map(({ size, timestamp = last, payload, id = lastId + 1, properties, status }) => {
    const header = caps.objects
      ? encodeObjectHeader(
          size,
          timestamp - last,
          id - lastId - 1,
          properties === undefined ? undefined : bytes(properties),
          status,
        )
      : frameHeaders(caps)(size, timestamp - last);
    last = timestamp;
    lastId = id;
    return concat(header, bytes(payload));
  });
  return concat(...parts);
}

function rewriteFetched(items: readonly (ReadFetched | ReadGap)[]): Uint8Array {
  const encoder = new FetchedObjectEncoder();
  const parts = items.map((item) => {
    if ("kind" in item) return encoder.gap(item.kind, item.end);
    const { id: object = 0, payload, properties, status, ...rest } = item;
    const fields = { ...rest, object, status, properties: properties === undefined ? undefined : bytes(properties) };
    return concat(encoder.object(fields), bytes(payload));
  });
  return concat(...parts);
}
