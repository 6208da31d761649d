import type { Cursor, WireBound, WireLimits, Writer } from "../codec/index.ts";
import { AnnounceBases } from "./announce-bases.ts";
import { newWriter } from "./codec.ts";
import { MessageReader, readPath } from "./message.ts";
import type { Capabilities } from "./versions.ts";

/** ANNOUNCE_REQUEST: asks for the broadcasts under a prefix. */
export interface AnnounceRequest {
  readonly prefix: string;
  /** The asker's hop id: it wants no routes through it. 0 for none, and in versions without it. */
  readonly excludeHop: bigint;
  /** The asker wants ended broadcasts as well. */
  readonly ended: boolean;
  /** Also names that begin with a dot, below the prefix. Absent for false, and in versions that do not say so. */
  readonly hidden?: boolean;
}

/** ANNOUNCE_OK: the hop id of the sender, and how many announcements follow at once. */
export interface AnnounceOk {
  /** 0 is unknown. A published client (`@moq/net` 0.2) treats 0 as an error, so it must not be sent. */
  readonly hop: bigint;
  readonly active: number;
}

/** What an announcement says of a broadcast. */
export interface AnnouncementFields {
  /** Starts with the publisher. As on the wire: without the sender where ANNOUNCE_OK names it. */
  readonly hops: readonly bigint[];
  readonly epoch: bigint;
  readonly ended: boolean;
  /** At most {@link MAX_COST}. */
  readonly cost: number;
  /** The cost as if no relay on the route carried the content yet, at most {@link MAX_COST}. Absent in versions without it. */
  readonly coldCost?: number;
}

/** ANNOUNCE_START, _END and _UPDATE; before 06 one ANNOUNCE_BROADCAST with a status. */
export type Announcement =
  | ({ readonly kind: "start"; readonly suffix: string } & AnnouncementFields)
  /** Refers to the announcement by its id where the version has ids, else by its suffix. */
  | { readonly kind: "end"; readonly id?: number; readonly suffix?: string }
  | ({ readonly kind: "update"; readonly id?: number; readonly suffix?: string } & AnnouncementFields);

/** An announcement whose path is over its bound. Where announcements have ids it is a start, and uses up an id. */
export interface Oversized {
  readonly kind: "oversized";
  readonly bound: WireBound;
}

export type AnnounceResponse = ({ readonly kind: "ok" } & AnnounceOk) | Announcement | Oversized;

/** The largest cost. It stands for larger ones as well, which the wire can carry and a double cannot. */
const MAX_COST = Number.MAX_SAFE_INTEGER;
/** What the wire has for {@link MAX_COST}, where the draft names a ceiling (moq-lite ANNOUNCE_START). */
const CEILING = 2n ** 62n - 1n;

const START = 0;
const END = 1;
const UPDATE = 2;
/**
 * Statuses of ANNOUNCE_BROADCAST, before 06. The third is understood by published clients and sent by none: they
 * repeat `active`, as the draft has it. 03 and 04 have neither.
 */
const STATUS = { ended: 0, active: 1, restart: 2 } as const;
const NAMES = ["ANNOUNCE_START", "ANNOUNCE_END", "ANNOUNCE_UPDATE"];

/** The body without its stream type. */
export function encodeAnnounceRequest(message: AnnounceRequest, caps: Capabilities): Uint8Array {
  const writer = newWriter(caps).string(message.prefix);
  if (caps.excludeHop) writer.varintBig(message.excludeHop);
  if (caps.ended) writer.varint(message.ended ? 1 : 0);
  if (caps.hiddenNames) writer.bool(message.hidden === true);
  return writer.message();
}

export function readAnnounceRequest(cursor: Cursor, caps: Capabilities, limits: WireLimits): AnnounceRequest {
  return {
    prefix: readPath(cursor, limits),
    excludeHop: caps.excludeHop ? cursor.varintBig() : 0n,
    ended: caps.ended && cursor.flag(),
    ...(caps.hiddenNames && cursor.bool() ? { hidden: true } : {}),
  };
}

/** Of versions that have it. */
export function encodeAnnounceOk(message: AnnounceOk, caps: Capabilities): Uint8Array {
  return newWriter(caps).varintBig(message.hop).varint(message.active).message();
}

/**
 * An end or update must carry what the version refers to it by: its id, or its suffix. Before 05 there are no updates;
 * a path is retracted and announced again. Anything else is a RangeError.
 */
export function encodeAnnouncement(message: Announcement, caps: Capabilities): Uint8Array {
  return caps.announceIds ? encodeTyped(message, caps) : encodeBroadcast(message, caps);
}

function encodeTyped(message: Announcement, caps: Capabilities): Uint8Array {
  const writer = newWriter(caps);
  switch (message.kind) {
    case "start":
      // No base: the whole path.
      if (caps.announceBases) writer.varint(0).varint(0);
      putFields(writer.string(message.suffix), message, caps);
      return writer.message(Uint8Array.of(START));
    case "end":
      return writer.varint(named(message.id)).message(Uint8Array.of(END));
    case "update":
      putFields(writer.varint(named(message.id)), message, caps);
      return writer.message(Uint8Array.of(UPDATE));
  }
}

function encodeBroadcast(message: Announcement, caps: Capabilities): Uint8Array {
  if (message.kind === "update" && !caps.announceRepeat) throw new RangeError(`no updates in ${caps.protocol}`);
  const writer = newWriter(caps)
    .u8(message.kind === "end" ? STATUS.ended : STATUS.active)
    .string(named(message.suffix));
  if (message.kind === "end") putHops(writer, [], caps);
  else putFields(writer, message, caps);
  return writer.message();
}

/** What an announcement is referred to by. */
function named<T>(reference: T | undefined): T {
  if (reference === undefined) throw new RangeError("an announcement without id or suffix");
  return reference;
}

/** What the publisher sends on an Announce Stream: ANNOUNCE_OK where the version has it, then announcements. */
export function announceResponses(caps: Capabilities, limits: WireLimits): MessageReader<AnnounceResponse> {
  const bases = caps.announceBases ? new AnnounceBases(limits) : undefined;
  const ok = {
    clause: "ANNOUNCE_OK",
    typed: false,
    read: (cursor: Cursor): AnnounceResponse => ({ kind: "ok", hop: cursor.varintBig(), active: cursor.varint() }),
  };
  const typed = {
    clause: "Announce",
    typed: true,
    name: (type: number) => NAMES[type],
    read: (cursor: Cursor, type: number): AnnounceResponse => readTyped(cursor, type, { caps, limits, bases }),
    oversized,
  };
  const plain = {
    clause: "ANNOUNCE_BROADCAST",
    typed: false,
    read: (cursor: Cursor): AnnounceResponse => readStatus(cursor, caps, limits),
    oversized,
  };
  const rest = caps.announceIds ? typed : plain;
  return new MessageReader((index) => (index === 0 && caps.announceOk ? ok : rest), limits, caps);
}

function oversized(_type: number, bound: WireBound): Oversized {
  return { kind: "oversized", bound };
}

/** What reading the typed announcements of one stream takes. */
interface Typed {
  readonly caps: Capabilities;
  readonly limits: WireLimits;
  /** In versions with them. */
  readonly bases: AnnounceBases | undefined;
}

function readTyped(cursor: Cursor, type: number, { caps, limits, bases }: Typed): Announcement {
  if (type === START) {
    const id = bases?.begin();
    const suffix = bases === undefined ? readPath(cursor, limits) : bases.path(cursor);
    const fields = readFields(cursor, caps, limits, bases);
    if (id !== undefined) bases?.keep(id, suffix, fields.hops);
    return { kind: "start", suffix, ...fields };
  }
  const id = cursor.varint();
  if (type === END) {
    bases?.end(id);
    return { kind: "end", id };
  }
  bases?.beginUpdate();
  const fields = readFields(cursor, caps, limits, bases);
  bases?.update(id, fields.hops);
  return { kind: "update", id, ...fields };
}

function readStatus(cursor: Cursor, caps: Capabilities, limits: WireLimits): Announcement {
  const status = cursor.u8();
  const suffix = readPath(cursor, limits);
  switch (status) {
    case STATUS.ended:
      readHops(cursor, caps, limits);
      return { kind: "end", suffix };
    case STATUS.active:
      return { kind: "start", suffix, ...readFields(cursor, caps, limits) };
    case STATUS.restart:
      if (caps.announceRepeat) return { kind: "update", suffix, ...readFields(cursor, caps, limits) };
  }
  throw cursor.violation("unknown status");
}

function putFields(writer: Writer, fields: AnnouncementFields, caps: Capabilities): void {
  if (caps.epochs) writer.varintBig(fields.epoch);
  if (caps.ended) writer.varint(fields.ended ? 1 : 0);
  if (caps.announceBases) writer.varint(0);
  putHops(writer, fields.hops, caps);
  if (caps.announceBases) writer.varint(0);
  if (caps.coldCost) putCost(putCost(writer, fields.cost), fields.coldCost ?? MAX_COST);
  else if (caps.routeCost) writer.varint(fields.cost);
}

function putCost(writer: Writer, cost: number): Writer {
  return cost >= MAX_COST ? writer.varintBig(CEILING) : writer.varint(cost);
}

function readCost(cursor: Cursor): number {
  return Math.min(cursor.saturating(), MAX_COST);
}

function readFields(cursor: Cursor, caps: Capabilities, limits: WireLimits, bases?: AnnounceBases): AnnouncementFields {
  const epoch = caps.epochs ? cursor.varintBig() : 0n;
  const ended = caps.ended && cursor.flag();
  const hops =
    bases === undefined
      ? readHops(cursor, caps, limits)
      : checked(
          cursor,
          bases.hops(cursor, () => readHops(cursor, caps, limits)),
          limits,
        );
  const cost = caps.routeCost ? readCost(cursor) : 0;
  return { hops, epoch, ended, cost, ...(caps.coldCost ? { coldCost: readCost(cursor) } : {}) };
}

/** A list that was put together obeys the rules of one that was written out. */
function checked(cursor: Cursor, hops: bigint[], limits: WireLimits): bigint[] {
  if (hops.length > limits.hops) throw cursor.violation(`${hops.length} hops, at most ${limits.hops}`);
  const known = hops.filter((hop) => hop !== 0n);
  if (new Set(known).size < known.length) throw cursor.violation("same hop twice");
  return hops;
}

function putHops(writer: Writer, hops: readonly bigint[], caps: Capabilities): void {
  writer.varint(hops.length);
  if (caps.hopIds) for (const hop of hops) writer.varintBig(hop);
}

function readHops(cursor: Cursor, caps: Capabilities, limits: WireLimits): bigint[] {
  const count = cursor.varint();
  if (count > limits.hops) throw cursor.violation(`${count} hops, at most ${limits.hops}`);
  const hops: bigint[] = [];
  for (let i = 0; i < count; i++) {
    const hop = caps.hopIds ? cursor.varintBig() : 0n;
    if (caps.strictAnnounce && hop !== 0n && hops.includes(hop)) throw cursor.violation("same hop twice");
    hops.push(hop);
  }
  return hops;
}
