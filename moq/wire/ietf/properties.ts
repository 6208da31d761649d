import type { Cursor } from "../codec/index.ts";
import { newCursor, newWriter } from "./codec.ts";
import { formatted } from "./errors.ts";
import { type KeyValue, type KeyValueForm, putKeyValues, readKeyValues } from "./key-values.ts";
import { TRACK_PROPERTIES } from "./limits.ts";
import type { GroupOrder } from "./parameters.ts";
import { fromPresent, PRESENT, toPresent } from "./property-forms.ts";
import type { Capabilities } from "./versions.ts";

/** What the properties of a track say that a relay acts on (MOQT Properties). Absent: not said. Times are in milliseconds. */
export interface TrackProperties {
  readonly objectDeliveryTimeout?: number;
  readonly subgroupDeliveryTimeout?: number;
  readonly maxCacheDuration?: number;
  /** Default publisher priority: 0 to 255, lower first. */
  readonly priority?: number;
  readonly groupOrder?: GroupOrder;
  readonly dynamicGroups?: boolean;
  /** LOC: units of a timestamp per second. */
  readonly timescale?: number;
  /** A property that must be understood, and is not: the track must be refused with UNSUPPORTED_EXTENSION. */
  readonly unsupported?: bigint;
}

type Reading = { -readonly [Field in keyof TrackProperties]: TrackProperties[Field] };

const OBJECT_DELIVERY_TIMEOUT = 0x02n;
const MAX_CACHE_DURATION = 0x04n;
const SUBGROUP_DELIVERY_TIMEOUT = 0x06n;
const TIMESCALE = 0x08n;
const IMMUTABLE_PROPERTIES = 0x0bn;
const DEFAULT_PUBLISHER_PRIORITY = 0x0en;
const DEFAULT_PUBLISHER_GROUP_ORDER = 0x22n;
const DYNAMIC_GROUPS = 0x30n;
/** Mandatory Track Properties. This relay knows none of them. */
const FIRST_MANDATORY = 0x4000n;
const LAST_MANDATORY = 0x7fffn;

const NONE = new Uint8Array(0);

/**
 * The properties at the end of a message. In drafts that have them in the present form they stay the same byte for byte. Malformed ones are a
 * violation.
 */
export function readPropertyBytes(cursor: Cursor, caps: Capabilities): Uint8Array {
  if (cursor.left === 0) return NONE;
  const bytes = cursor.rest().slice();
  visit(newCursor(bytes, "Track Properties", caps), {}, caps);
  return caps.presentProperties ? bytes : toPresent(bytes, caps);
}

/** The bytes of `properties` as the draft has them at the end of a message. What it cannot write is left out: numbers from 2^62 on. */
export function propertyBytes(properties: Uint8Array, caps: Capabilities): Uint8Array {
  return caps.presentProperties ? properties : fromPresent(properties, caps);
}

/** What the properties of a message say, in and outside of Immutable Properties. The last of several values counts. */
export function readTrackProperties(bytes: Uint8Array): TrackProperties {
  const properties: Reading = {};
  visit(newCursor(bytes, "Track Properties", PRESENT), properties, PRESENT);
  return properties;
}

/** The properties of a message, for a track that comes from another protocol. */
export function encodeTrackProperties(properties: TrackProperties): Uint8Array {
  const pairs: KeyValue[] = [];
  const put = (type: bigint, value: number | undefined) => {
    if (value !== undefined) pairs.push({ type, value: BigInt(value) });
  };
  put(OBJECT_DELIVERY_TIMEOUT, properties.objectDeliveryTimeout);
  put(MAX_CACHE_DURATION, properties.maxCacheDuration);
  put(SUBGROUP_DELIVERY_TIMEOUT, properties.subgroupDeliveryTimeout);
  put(TIMESCALE, properties.timescale);
  put(DEFAULT_PUBLISHER_PRIORITY, properties.priority);
  if (properties.groupOrder !== undefined) {
    put(DEFAULT_PUBLISHER_GROUP_ORDER, properties.groupOrder === "ascending" ? 1 : 2);
  }
  if (properties.dynamicGroups !== undefined) put(DYNAMIC_GROUPS, properties.dynamicGroups ? 1 : 0);
  return putKeyValues(newWriter(PRESENT), pairs, PRESENT).finish();
}

/** Returns how many there are so far, of which `before` came before these. */
function visit(cursor: Cursor, into: Reading, form: KeyValueForm, before?: number): number {
  let count = before ?? 0;
  readKeyValues(cursor, form, ({ type, value }) => {
    if (++count > TRACK_PROPERTIES) throw cursor.violation(`more than ${TRACK_PROPERTIES} properties`);
    if (typeof value === "bigint") return note(cursor, type, value, into);
    if (type !== IMMUTABLE_PROPERTIES) return unknown(type, into);
    // A track with Immutable Properties in Immutable Properties is malformed, which is for its receivers to say.
    if (before !== undefined) return;
    count = formatted(() => visit(newCursor(value, "Immutable Properties", form), into, form, count));
  });
  return count;
}

function note(cursor: Cursor, type: bigint, value: bigint, into: Reading): void {
  switch (type) {
    case OBJECT_DELIVERY_TIMEOUT:
      into.objectDeliveryTimeout = clipped(value);
      break;
    case MAX_CACHE_DURATION:
      into.maxCacheDuration = clipped(value);
      break;
    case SUBGROUP_DELIVERY_TIMEOUT:
      into.subgroupDeliveryTimeout = clipped(value);
      break;
    case TIMESCALE:
      // A track has no timescale of 0, so that one is as good as none.
      if (value > 0n) into.timescale = clipped(value);
      break;
    case DEFAULT_PUBLISHER_PRIORITY:
      if (value > 255n) throw cursor.violation("DEFAULT_PUBLISHER_PRIORITY over 255");
      into.priority = Number(value);
      break;
    case DEFAULT_PUBLISHER_GROUP_ORDER:
      if (value !== 1n && value !== 2n) throw cursor.violation("unknown DEFAULT_PUBLISHER_GROUP_ORDER");
      into.groupOrder = value === 1n ? "ascending" : "descending";
      break;
    case DYNAMIC_GROUPS:
      if (value > 1n) throw cursor.violation("DYNAMIC_GROUPS over 1");
      into.dynamicGroups = value === 1n;
      break;
    default:
      unknown(type, into);
  }
}

function unknown(type: bigint, into: Reading): void {
  if (type >= FIRST_MANDATORY && type <= LAST_MANDATORY) into.unsupported ??= type;
}

function clipped(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
}
