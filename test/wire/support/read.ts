import { DEFAULT_WIRE_LIMITS, type WireLimits } from "../../../moq/wire/codec/limits.ts";
import { announceResponses } from "../../../moq/wire/lite/announce.ts";
import { FetchedObjectReader, type FetchGap, type FetchSink } from "../../../moq/wire/lite/fetched-objects.ts";
import { newFrameReader } from "../../../moq/wire/lite/frame-codec.ts";
import type { ObjectSink, ObjectStatus } from "../../../moq/wire/lite/object.ts";
import { probeResponses } from "../../../moq/wire/lite/probe.ts";
import { RequestReader } from "../../../moq/wire/lite/requests.ts";
import { subscribeResponses } from "../../../moq/wire/lite/subscribe.ts";
import { trackResponses } from "../../../moq/wire/lite/track.ts";
import { UniReader } from "../../../moq/wire/lite/uni.ts";
import type { Capabilities } from "../../../moq/wire/lite/versions.ts";
import { concat, feed, hex } from "./bytes.ts";

/** The kinds of streams. */
export type StreamKind = "request" | "announce" | "subscribe" | "track" | "probe" | "frames" | "uni";

export const STREAM_KINDS: readonly StreamKind[] = [
  "request",
  "announce",
  "subscribe",
  "track",
  "probe",
  "frames",
  "uni",
];

/** A frame or object from a reader, with its payload joined from its pieces. */
export interface ReadFrame {
  readonly size: number;
  readonly timestamp: number | undefined;
  readonly payload: string;
  /** Absent in versions without objects, as what follows. */
  readonly id?: number;
  readonly properties?: string;
  readonly status?: ObjectStatus;
}

/** An object from the answer to a FETCH. */
export interface ReadFetched extends ReadFrame {
  readonly group: number;
  readonly subgroup: number | undefined;
  readonly priority: number | undefined;
}

/** A part of a FETCH without objects. */
export interface ReadGap {
  readonly kind: FetchGap;
  readonly end: { readonly group: number; readonly object: number };
}

export interface Reading {
  push(piece: Uint8Array): void;
  finish(): void;
}

/** A reader for that kind of stream. Copies of what it reads go to `out`. */
export function reading(
  kind: StreamKind,
  caps: Capabilities,
  out: (message: unknown) => void,
  limits: WireLimits = DEFAULT_WIRE_LIMITS,
): Reading {
  switch (kind) {
    case "request":
      return sinking(new RequestReader(caps, limits), out);
    case "announce":
      return sinking(announceResponses(caps, limits), out);
    case "subscribe":
      return sinking(subscribeResponses(caps, limits), out);
    case "track":
      return sinking(trackResponses(caps, limits), out);
    case "probe":
      return sinking(probeResponses(caps, limits), out);
    case "frames":
      if (caps.objects) return new FetchedObjectReader(limits, fetchCollector(out));
      return newFrameReader(caps, limits, collector(out));
    case "uni":
      return new UniReader(caps, limits, {
        group: (header) => {
          out({ kind: "group", ...header });
          return collector(out);
        },
        setup: (setup) => out({ kind: "setup", ...setup }),
        unknown: (type) => out({ kind: "unknown", type }),
      });
  }
}

/** Everything read from a stream that is pushed in pieces of those sizes, and finished unless `finish` is false. */
export function readAll(
  kind: StreamKind,
  caps: Capabilities,
  stream: Uint8Array,
  { sizes = [], finish = true }: { sizes?: readonly number[]; finish?: boolean } = {},
): unknown[] {
  const messages: unknown[] = [];
  const reader = reading(kind, caps, (message) => messages.push(message));
  feed(stream, sizes, (piece) => reader.push(piece));
  if (finish) reader.finish();
  return messages;
}

function sinking(
  reader: { push(piece: Uint8Array, sink: (message: unknown) => void): void; finish(): void },
  out: (message: unknown) => void,
): Reading {
  return { push: (piece) => reader.push(piece, out), finish: () => reader.finish() };
}

/** Reports each frame or object once it is complete. */
function collector(out: (message: unknown) => void): ObjectSink {
  let head: Omit<ReadFrame, "payload"> | undefined;
  let pieces: Uint8Array[] = [];
  return {
    object: (size, timestamp, id, properties) => {
      if (head !== undefined) throw new Error("a frame begins inside another");
      head = { size, timestamp, ...(id === undefined ? {} : { id }), ...copied(properties) };
    },
    payload: (piece) => {
      if (head === undefined) throw new Error("payload without a frame");
      pieces.push(piece.slice());
    },
    end: () => {
      const payload = concat(...pieces);
      if (head === undefined || head.size !== payload.length) throw new Error("a frame ends that is not whole");
      const frame: ReadFrame = { ...head, payload: hex(payload) };
      head = undefined;
      pieces = [];
      out(frame);
    },
    status: (status, id, properties) => {
      out({ size: 0, timestamp: undefined, payload: "", id, status, ...copied(properties) });
    },
  };
}

function copied(properties: Uint8Array | undefined): { properties?: string } {
  return properties === undefined ? {} : { properties: hex(properties) };
}

/** Reports each object once it is complete, and each gap. */
function fetchCollector(out: (message: unknown) => void): FetchSink {
  let place: Pick<ReadFetched, "group" | "subgroup" | "priority"> | undefined;
  const objects = collector((frame) => out({ ...(frame as ReadFrame), ...place }));
  return {
    object: ({ group, object, subgroup, priority, size, status, timestamp, properties }) => {
      place = { group, subgroup, priority };
      if (status === undefined) objects.object(size, timestamp, object, properties);
      else out({ size, timestamp, payload: "", id: object, status, ...copied(properties), ...place });
    },
    payload: (piece) => objects.payload(piece),
    end: () => objects.end(),
    gap: (kind, end) => out({ kind, end }),
  };
}
