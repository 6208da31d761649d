import type { Cursor } from "../cursor.ts";
import type { WireLimits } from "../limits.ts";
import type { Capabilities } from "../versions.ts";
import { Writer } from "../writer.ts";
import { MessageReader, readPath } from "./message.ts";

/** ANNOUNCE_REQUEST: asks for the broadcasts under a prefix. */
export interface AnnounceRequest {
  readonly prefix: string;
  /** The asker's hop id, whose routes it does not want; 0 for none, and in versions without it. */
  readonly excludeHop: bigint;
  /** Whether ended broadcasts are asked for as well. */
  readonly ended: boolean;
}

/** ANNOUNCE_OK: who answers, and how many announcements come at once. */
export interface AnnounceOk {
  /** 0 is unknown. */
  readonly hop: bigint;
  readonly active: number;
}

/** What an announcement says of a broadcast. */
export interface AnnouncementFields {
  /** From the publisher on; as on the wire, so without the sender where ANNOUNCE_OK names it. */
  readonly hops: readonly bigint[];
  readonly epoch: bigint;
  readonly ended: boolean;
  /** At most 2^53-1; more saturates. */
  readonly cost: number;
}

/** ANNOUNCE_START, _END and _UPDATE; before 06 one ANNOUNCE_BROADCAST with a status. */
export type Announcement =
  | ({ readonly kind: "start"; readonly suffix: string } & AnnouncementFields)
  /** By id where announcements have ids, else by suffix. */
  | { readonly kind: "end"; readonly id?: number; readonly suffix?: string }
  | ({ readonly kind: "update"; readonly id?: number; readonly suffix?: string } & AnnouncementFields);

export type AnnounceResponse = ({ readonly kind: "ok" } & AnnounceOk) | Announcement;

const START = 0;
const END = 1;
const UPDATE = 2;
/** Statuses of ANNOUNCE_BROADCAST, before 06. */
const STATUS = { end: 0, start: 1, update: 2 } as const;
const NAMES = ["ANNOUNCE_START", "ANNOUNCE_END", "ANNOUNCE_UPDATE"];

/** The body without its stream type. */
export function encodeAnnounceRequest(message: AnnounceRequest, caps: Capabilities): Uint8Array {
  const writer = new Writer().string(message.prefix);
  if (caps.excludeHop) writer.varintBig(message.excludeHop);
  if (caps.ended) writer.varint(message.ended ? 1 : 0);
  return writer.message();
}

export function readAnnounceRequest(cursor: Cursor, caps: Capabilities, limits: WireLimits): AnnounceRequest {
  return {
    prefix: readPath(cursor, limits),
    excludeHop: caps.excludeHop ? cursor.varintBig() : 0n,
    ended: caps.ended && cursor.flag(),
  };
}

export function encodeAnnounceOk(message: AnnounceOk, _caps: Capabilities): Uint8Array {
  return new Writer().varintBig(message.hop).varint(message.active).message();
}

/** An end or update must carry what the version refers to it by: its id, or its suffix. */
export function encodeAnnouncement(message: Announcement, caps: Capabilities): Uint8Array {
  const writer = new Writer();
  if (caps.announceIds) {
    if (message.kind === "start") writer.string(message.suffix);
    else writer.varint(message.id ?? 0);
    if (message.kind !== "end") putFields(writer, message, caps);
    const type = message.kind === "start" ? START : message.kind === "end" ? END : UPDATE;
    return writer.message(Uint8Array.of(type));
  }
  writer.u8(STATUS[message.kind]).string(message.suffix ?? "");
  if (message.kind === "end") putHops(writer, [], caps);
  else putFields(writer, message, caps);
  return writer.message();
}

/** What the publisher sends on an Announce Stream: ANNOUNCE_OK where the version has it, then announcements. */
export function announceResponses(caps: Capabilities, limits: WireLimits): MessageReader<AnnounceResponse> {
  const ok = {
    clause: "ANNOUNCE_OK",
    typed: false,
    read: (cursor: Cursor): AnnounceResponse => ({ kind: "ok", hop: cursor.varintBig(), active: cursor.varint() }),
  };
  const typed = {
    clause: "Announce",
    typed: true,
    name: (type: number) => NAMES[type],
    read: (cursor: Cursor, type: number): AnnounceResponse => readTyped(cursor, type, caps, limits),
  };
  const plain = {
    clause: "ANNOUNCE_BROADCAST",
    typed: false,
    read: (cursor: Cursor): AnnounceResponse => readStatus(cursor, caps, limits),
  };
  const rest = caps.announceIds ? typed : plain;
  return new MessageReader((index) => (index === 0 && caps.announceOk ? ok : rest), limits);
}

function readTyped(cursor: Cursor, type: number, caps: Capabilities, limits: WireLimits): Announcement {
  if (type === START) return { kind: "start", suffix: readPath(cursor, limits), ...readFields(cursor, caps, limits) };
  const id = cursor.varint();
  return type === END ? { kind: "end", id } : { kind: "update", id, ...readFields(cursor, caps, limits) };
}

function readStatus(cursor: Cursor, caps: Capabilities, limits: WireLimits): Announcement {
  const status = cursor.u8();
  const suffix = readPath(cursor, limits);
  switch (status) {
    case STATUS.end:
      // Published clients send hops with a retraction as well; some send nothing.
      if (cursor.left > 0) readHops(cursor, caps, limits);
      return { kind: "end", suffix };
    case STATUS.start:
      return { kind: "start", suffix, ...readFields(cursor, caps, limits) };
    case STATUS.update:
      return { kind: "update", suffix, ...readFields(cursor, caps, limits) };
    default:
      throw cursor.violation("unknown status");
  }
}

function putFields(writer: Writer, fields: AnnouncementFields, caps: Capabilities): void {
  if (caps.epochs) writer.varintBig(fields.epoch);
  if (caps.ended) writer.varint(fields.ended ? 1 : 0);
  putHops(writer, fields.hops, caps);
  if (caps.routeCost) writer.varint(fields.cost);
}

function readFields(cursor: Cursor, caps: Capabilities, limits: WireLimits): AnnouncementFields {
  const epoch = caps.epochs ? cursor.varintBig() : 0n;
  const ended = caps.ended && cursor.flag();
  const hops = readHops(cursor, caps, limits);
  const cost = caps.routeCost ? Math.min(cursor.saturating(), Number.MAX_SAFE_INTEGER) : 0;
  return { hops, epoch, ended, cost };
}

function putHops(writer: Writer, hops: readonly bigint[], caps: Capabilities): void {
  writer.varint(hops.length);
  if (caps.hopIds) for (const hop of hops) writer.varintBig(hop);
}

function readHops(cursor: Cursor, caps: Capabilities, limits: WireLimits): bigint[] {
  const count = cursor.varint();
  if (count > limits.hops) throw cursor.violation(`${count} hops, at most ${limits.hops}`);
  const hops: bigint[] = [];
  for (let i = 0; i < count; i++) hops.push(caps.hopIds ? cursor.varintBig() : 0n);
  return hops;
}
