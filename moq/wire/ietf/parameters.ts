import type { Cursor, Writer } from "../codec/index.ts";
import { newCursor, newWriter, putBytes, readBytes, readCount } from "./codec.ts";
import { formatted } from "./errors.ts";
import { nextType } from "./key-values.ts";
import { FILTER_RANGES, KEY_VALUE_BYTES, MESSAGE_BYTES, MESSAGE_TOKENS, PARAMETERS } from "./limits.ts";
import { type Location, putLocation, readLocation } from "./location.ts";
import { type LocationFilter, putLocationFilter, readLocationFilter } from "./location-filter.ts";
import { type Namespace, putNamespace, readNamespace } from "./names.ts";
import { isInScope, type Scope } from "./parameter-scopes.ts";
import {
  type FilteredField,
  InvalidFilter,
  isSameFilter,
  putRangeFilter,
  RANGE_FILTERS,
  type RangeFilter,
  readRangeFilter,
} from "./range-filter.ts";
import { encodeToken, readToken, type Token } from "./token.ts";
import type { Capabilities } from "./versions.ts";

export type GroupOrder = "ascending" | "descending";

/** Message Parameters, the same for every draft. What is absent is not on the wire. Times are in milliseconds. */
export interface Parameters {
  readonly tokens?: readonly Token[];
  /** DELIVERY_TIMEOUT before draft 17. */
  readonly objectDeliveryTimeout?: number;
  readonly subgroupDeliveryTimeout?: number;
  /** Of a track, in draft 14 only: a property since. */
  readonly maxCacheDuration?: number;
  /** How long the subscriber waits for a publisher. */
  readonly rendezvousTimeout?: number;
  /** 0: does not expire, or at an unknown time. */
  readonly expires?: number;
  /** The largest location of the track; absent where it has no objects. */
  readonly largest?: Location;
  /** How long a relay may wait for objects that it does not have. */
  readonly fillTimeout?: number;
  readonly forward?: boolean;
  /** Subscriber priority: 0 to 255, lower first. */
  readonly priority?: number;
  readonly filter?: LocationFilter;
  readonly groupOrder?: GroupOrder;
  /** The largest group that the subscriber knows, plus one; 0 for none. */
  readonly newGroupRequest?: number;
  readonly namespacePrefix?: Namespace;
  readonly rangeFilters?: readonly RangeFilter[];
  /** What is different for the fill that the subscription asks for by having this. */
  readonly fill?: Parameters;
  /** The answer should have the properties of the track. */
  readonly includeProperties?: boolean;
  /** Of a message that was read: a filter is not valid, and the request must be refused with INVALID_FILTER. */
  readonly invalidFilter?: true;
}

type Reading = { -readonly [Field in keyof Parameters]: Parameters[Field] };

/** One parameter: its type, whether a length comes before its value, and how its value is read and written. */
interface Definition {
  readonly type: number;
  readonly name: string;
  /** Since draft 17; a function where drafts differ. Before, values of odd types have a length. */
  readonly lengthPrefixed: boolean | ((caps: Capabilities) => boolean);
  has(caps: Capabilities): boolean;
  /** May be in a message more than once. */
  readonly repeats?: boolean;
  read(value: Cursor, into: Reading, caps: Capabilities): void;
  /** One function for each value that is to be written. */
  write(parameters: Parameters, caps: Capabilities): readonly ((value: Writer) => unknown)[];
}

const ORDERS: readonly (GroupOrder | undefined)[] = [undefined, "ascending", "descending"];

const EVERY_DRAFT = () => true;
/** Draft 15 made parameters of what were fields. */
const SINCE_15 = (caps: Capabilities) => !caps.fixedFields;
const SINCE_17 = (caps: Capabilities) => caps.requestStreams;

const DEFINITIONS: readonly Definition[] = [
  {
    ...count("OBJECT_DELIVERY_TIMEOUT", 0x02, "objectDeliveryTimeout", EVERY_DRAFT),
    read: (value, into, caps) => {
      into.objectDeliveryTimeout = readCount(value);
      // DELIVERY_TIMEOUT of draft 16 must be greater than 0.
      if (into.objectDeliveryTimeout === 0 && !caps.requestStreams && !caps.fixedFields) {
        throw value.violation("DELIVERY_TIMEOUT of 0");
      }
    },
  },
  {
    type: 0x03,
    name: "AUTHORIZATION_TOKEN",
    lengthPrefixed: true,
    repeats: true,
    has: EVERY_DRAFT,
    read: (value, into, caps) => {
      const tokens = into.tokens ?? [];
      if (tokens.length === MESSAGE_TOKENS) throw value.violation(`more than ${MESSAGE_TOKENS} tokens`);
      into.tokens = [...tokens, readToken(value.rest(), caps)];
    },
    write: ({ tokens = [] }, caps) => tokens.map((token) => (value) => value.raw(encodeToken(token, caps))),
  },
  count("MAX_CACHE_DURATION", 0x04, "maxCacheDuration", (caps) => caps.fixedFields),
  count("RENDEZVOUS_TIMEOUT", 0x04, "rendezvousTimeout", SINCE_17),
  count("SUBGROUP_DELIVERY_TIMEOUT", 0x06, "subgroupDeliveryTimeout", SINCE_17),
  count("EXPIRES", 0x08, "expires", SINCE_15),
  {
    ...bare("LARGEST_OBJECT", 0x09, SINCE_15),
    read: (value, into, caps) => {
      into.largest = caps.requestStreams ? readLocation(value) : formatted(() => readWhole(value, readLocation));
    },
    write: ({ largest }) => (largest === undefined ? [] : [(value) => putLocation(value, largest)]),
  },
  count("FILL_TIMEOUT", 0x0a, "fillTimeout", SINCE_17),
  {
    ...bare("FORWARD", 0x10, SINCE_15),
    read: (value, into, caps) => {
      into.forward = caps.requestStreams ? value.bool() : value.flag();
    },
    // A byte of 0 or 1 is a varint as well.
    write: ({ forward }) => (forward === undefined ? [] : [(value) => value.bool(forward)]),
  },
  {
    ...bare("SUBSCRIBER_PRIORITY", 0x20, SINCE_15),
    read: (value, into, caps) => {
      into.priority = caps.requestStreams ? value.u8() : value.varint();
      if (into.priority > 255) throw value.violation("SUBSCRIBER_PRIORITY over 255");
    },
    write: ({ priority }, caps) => {
      if (priority === undefined) return [];
      return [(value) => (caps.requestStreams ? value.u8(priority) : value.varint(priority))];
    },
  },
  {
    type: 0x21,
    name: "LOCATION_FILTER",
    lengthPrefixed: (caps) => caps.locationFilter !== "typed",
    has: SINCE_15,
    read: (value, into, caps) => {
      into.filter = readLocationFilter(value, caps);
    },
    write: ({ filter }, caps) => (filter === undefined ? [] : [(value) => putLocationFilter(value, filter, caps)]),
  },
  {
    ...bare("GROUP_ORDER", 0x22, SINCE_15),
    read: (value, into, caps) => {
      const number = caps.requestStreams ? value.u8() : value.varint();
      if (number === 0 && caps.groupOrderZero) return;
      const order = ORDERS[number];
      if (order === undefined) throw value.violation("unknown group order");
      into.groupOrder = order;
    },
    write: ({ groupOrder }) => (groupOrder === undefined ? [] : [(value) => value.u8(ORDERS.indexOf(groupOrder))]),
  },
  {
    type: 0x23,
    name: "FILL_PARAMETERS",
    lengthPrefixed: true,
    has: (caps) => caps.fill,
    read: (value, into, caps) => {
      const { invalidFilter, ...fill } = readParameters(value, "fill", caps);
      into.fill = fill;
      if (invalidFilter) into.invalidFilter = true;
    },
    write: ({ fill }, caps) => (fill === undefined ? [] : [(value) => putParameters(value, fill, "fill", caps)]),
  },
  rangeFilter("SUBGROUP_FILTER", "subgroup"),
  rangeFilter("OBJECTID_FILTER", "object"),
  rangeFilter("PRIORITY_FILTER", "priority"),
  rangeFilter("OBJECT_PROPERTY_FILTER", "object_property"),
  rangeFilter("TRACK_PROPERTY_FILTER", "track_property"),
  count("NEW_GROUP_REQUEST", 0x32, "newGroupRequest", SINCE_15),
  {
    ...bare("TRACK_NAMESPACE_PREFIX", 0x34, SINCE_17),
    read: (value, into, caps) => {
      into.namespacePrefix = readNamespace(value, caps);
    },
    write: ({ namespacePrefix }, caps) =>
      namespacePrefix === undefined ? [] : [(value) => putNamespace(value, namespacePrefix, caps)],
  },
  {
    ...bare("INCLUDE_PROPERTIES", 0x35, (caps) => caps.fill),
    read: (value, into) => {
      into.includeProperties = value.bool();
    },
    write: ({ includeProperties }) =>
      includeProperties === undefined ? [] : [(value) => value.bool(includeProperties)],
  },
];

/**
 * Reads `Number of Parameters` and as many parameters. One that is twice there is a violation, and so is one that is unknown or not of
 * `scope`. Drafts before 17 ignore what is not of the scope, which is left to the session, and draft 14 what is unknown.
 */
export function readParameters(cursor: Cursor, scope: Scope, caps: Capabilities): Parameters {
  const parameters: Reading = {};
  const seen = new Set<Definition>();
  const count = cursor.varint();
  if (count > PARAMETERS) throw cursor.violation(`${count} parameters, at most ${PARAMETERS}`);
  let type = 0n;
  for (let left = count; left > 0; left--) {
    type = nextType(cursor, type, caps);
    const definition = DEFINITIONS.find((one) => one.type === Number(type) && one.has(caps));
    if (definition === undefined) {
      if (!caps.fixedFields) throw cursor.violation("unknown parameter");
      skipValue(cursor, type);
      continue;
    }
    const { name, repeats = false } = definition;
    if (seen.has(definition) && !repeats) throw cursor.violation(`${name} twice`);
    seen.add(definition);
    if (caps.requestStreams && !isInScope(definition.type, scope, caps)) {
      throw cursor.violation(`${name} is not allowed here`);
    }
    if (!hasLength(definition, caps)) {
      definition.read(cursor, parameters, caps);
      continue;
    }
    const value = newCursor(readBytes(cursor, MESSAGE_BYTES), name, caps);
    definition.read(value, parameters, caps);
    value.end();
  }
  return parameters;
}

/**
 * Writes the count and the parameters, by ascending type. Those that the draft does not have in such a message are left out: a peer would end
 * the session for them. `scope` is a list where the message alone does not say what it is about.
 */
export function putParameters(
  writer: Writer,
  parameters: Parameters,
  scope: Scope | readonly Scope[],
  caps: Capabilities,
): Writer {
  const scopes = typeof scope === "string" ? [scope] : scope;
  const values = DEFINITIONS.filter(
    (one) => one.has(caps) && (!caps.requestStreams || scopes.some((scoped) => isInScope(one.type, scoped, caps))),
  ).flatMap((definition) => definition.write(parameters, caps).map((put) => ({ definition, put })));
  writer.varint(values.length);
  let last = 0;
  for (const { definition, put } of values) {
    writer.varint(caps.propertyDeltas ? definition.type - last : definition.type);
    last = definition.type;
    if (!hasLength(definition, caps)) {
      put(writer);
      continue;
    }
    const value = newWriter(caps);
    put(value);
    putBytes(writer, value.finish());
  }
  return writer;
}

/** Reads the value of a key-value pair, and forgets it. */
function skipValue(cursor: Cursor, type: bigint): void {
  if (type % 2n === 0n) cursor.varintBig();
  else readBytes(cursor, KEY_VALUE_BYTES);
}

/** `read`, which must read the value to its end. */
function readWhole<T>(value: Cursor, read: (value: Cursor) => T): T {
  const result = read(value);
  value.end();
  return result;
}

function hasLength({ type, lengthPrefixed }: Definition, caps: Capabilities): boolean {
  if (!caps.requestStreams) return type % 2 === 1;
  return typeof lengthPrefixed === "function" ? lengthPrefixed(caps) : lengthPrefixed;
}

/** A range filter. One that is not valid is left out, and the message has to be refused. */
function rangeFilter(name: string, field: FilteredField): Definition {
  return {
    type: RANGE_FILTERS[field],
    name,
    lengthPrefixed: true,
    repeats: true,
    has: (caps) => caps.rangeFilters,
    read: (value, into) => {
      const others = into.rangeFilters ?? [];
      if (into.invalidFilter) {
        value.rest();
        return;
      }
      try {
        const filter = readRangeFilter(value, field, FILTER_RANGES - rangesOf(others));
        if (others.some((other) => isSameFilter(other, filter))) throw new InvalidFilter("filter twice");
        into.rangeFilters = [...others, filter];
      } catch (error) {
        if (!(error instanceof InvalidFilter)) throw error;
        into.invalidFilter = true;
        value.rest();
      }
    },
    write: ({ rangeFilters = [] }) =>
      rangeFilters.filter((filter) => filter.field === field).map((filter) => (value) => putRangeFilter(value, filter)),
  };
}

/** Filters count as a range at least, so that their number is bounded as well. */
function rangesOf(filters: readonly RangeFilter[]): number {
  return filters.reduce((sum, { ranges }) => sum + Math.max(1, ranges.length), 0);
}

function bare(name: string, type: number, has: Definition["has"]) {
  return { name, type, lengthPrefixed: false, has };
}

type CountField = {
  [Field in keyof Parameters]-?: Parameters[Field] extends number | undefined ? Field : never;
}[keyof Parameters];

/** A parameter that is a number. */
function count(name: string, type: number, field: CountField, has: Definition["has"]): Definition {
  return {
    ...bare(name, type, has),
    read: (value, into) => {
      into[field] = readCount(value);
    },
    write: (parameters) => {
      const number = parameters[field];
      return number === undefined ? [] : [(value) => value.varint(number)];
    },
  };
}
