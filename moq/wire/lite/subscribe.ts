import type { Cursor, WireLimits, Writer } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import { MessageReader, readOptional, readPath, readTrackName } from "./message.ts";
import type { Capabilities } from "./versions.ts";

/** SUBSCRIBE_UPDATE: what a subscriber may change. Sequences are absolute and `end` is inclusive. `maxLatency` is in milliseconds. */
export interface SubscribeUpdate {
  /** 0 to 255, higher first. */
  readonly priority: number;
  readonly ordered: boolean;
  readonly maxLatency: number;
  /** Absent: the latest group. */
  readonly start?: number;
  /** Absent: no end. */
  readonly end?: number;
}

/** SUBSCRIBE: opens a subscription. */
export interface Subscribe extends SubscribeUpdate {
  readonly id: number;
  readonly path: string;
  readonly track: string;
  /** The generation that is wanted; 0 for the current one, and in versions without it. */
  readonly epoch: bigint;
}

/** What the publisher sends on a Subscribe Stream. */
export type SubscribeResponse =
  /** SUBSCRIBE_OK of 03 and 04. */
  | ({ readonly kind: "ok" } & SubscribeUpdate)
  /** SUBSCRIBE_OK of 05 and later: the first group that will come. */
  | { readonly kind: "start"; readonly group: number }
  /** SUBSCRIBE_END: the first group that will never come. */
  | { readonly kind: "end"; readonly group: number }
  /** SUBSCRIBE_DROP: groups that will not come, both ends inclusive. */
  | { readonly kind: "drop"; readonly start: number; readonly end: number; readonly code: number };

type ResponseKind = SubscribeResponse["kind"];

/** By message type. */
function responseKinds(caps: Capabilities): readonly ResponseKind[] {
  const ok = caps.subscribeOk === "properties" ? "ok" : "start";
  return caps.subscribeEnd ? [ok, "end", "drop"] : [ok, "drop"];
}

const CLAUSES: Readonly<Record<ResponseKind, string>> = {
  ok: "SUBSCRIBE_OK",
  start: "SUBSCRIBE_OK",
  end: "SUBSCRIBE_END",
  drop: "SUBSCRIBE_DROP",
};

export function encodeSubscribe(message: Subscribe, caps: Capabilities): Uint8Array {
  const writer = newWriter().varint(message.id).string(message.path).string(message.track);
  if (caps.epochs) writer.varintBig(message.epoch);
  return putOptions(writer, message).message();
}

export function readSubscribe(cursor: Cursor, caps: Capabilities, limits: WireLimits): Subscribe {
  const id = cursor.varint();
  const path = readPath(cursor, limits);
  const track = readTrackName(cursor, limits);
  const epoch = caps.epochs ? cursor.varintBig() : 0n;
  return { id, path, track, epoch, ...readOptions(cursor) };
}

export function encodeSubscribeUpdate(message: SubscribeUpdate, _caps: Capabilities): Uint8Array {
  return putOptions(newWriter(), message).message();
}

export function readSubscribeUpdate(cursor: Cursor): SubscribeUpdate {
  return readOptions(cursor);
}

/** Throws a RangeError where the version has no message of that kind. */
export function encodeSubscribeResponse(response: SubscribeResponse, caps: Capabilities): Uint8Array {
  const type = responseKinds(caps).indexOf(response.kind);
  if (type < 0) throw new RangeError(`no ${CLAUSES[response.kind]} of kind ${response.kind} in ${caps.protocol}`);
  const writer = newWriter();
  switch (response.kind) {
    case "ok":
      putOptions(writer, response);
      break;
    case "start":
    case "end":
      writer.varint(response.group);
      break;
    case "drop":
      writer.varint(response.start).varint(response.end).varint(response.code);
      break;
  }
  return writer.message(Uint8Array.of(type));
}

export function subscribeResponses(caps: Capabilities, limits: WireLimits): MessageReader<SubscribeResponse> {
  const kinds = responseKinds(caps);
  const expected = {
    clause: "Subscribe",
    typed: true,
    name: (type: number) => {
      const kind = kinds[type];
      return kind && CLAUSES[kind];
    },
    read: (cursor: Cursor, type: number): SubscribeResponse => readResponse(cursor, kinds[type]),
  };
  return new MessageReader(() => expected, limits);
}

function readResponse(cursor: Cursor, kind: ResponseKind | undefined): SubscribeResponse {
  switch (kind) {
    case "ok":
      return { kind, ...readOptions(cursor) };
    case "start":
    case "end":
      return { kind, group: cursor.varint() };
    case "drop": {
      const start = cursor.varint();
      const end = cursor.varint();
      if (end < start) throw cursor.violation("range ends before it starts");
      return { kind, start, end, code: cursor.varint() };
    }
    case undefined:
      throw cursor.violation("unknown message type");
  }
}

function putOptions(writer: Writer, options: SubscribeUpdate): Writer {
  return writer
    .u8(options.priority)
    .bool(options.ordered)
    .varint(options.maxLatency)
    .varint(options.start === undefined ? 0 : options.start + 1)
    .varint(options.end === undefined ? 0 : options.end + 1);
}

function readOptions(cursor: Cursor): SubscribeUpdate {
  const priority = cursor.u8();
  const ordered = cursor.bool();
  const maxLatency = cursor.varint();
  const start = readOptional(cursor);
  const end = readOptional(cursor);
  return {
    priority,
    ordered,
    maxLatency,
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
  };
}
