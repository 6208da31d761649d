import type { Cursor, Writer } from "../codec/index.ts";
import { newCursor, newWriter, putBytes, readBytes, readCount } from "./codec.ts";
import { nextType } from "./key-values.ts";
import { MESSAGE_BYTES, MESSAGE_TOKENS } from "./limits.ts";
import { type Location, putLocation, readLocation } from "./location.ts";
import { type LocationFilter, putSubscriptionFilter, readSubscriptionFilter } from "./location-filter.ts";
import { type Namespace, putNamespace, readNamespace } from "./names.ts";
import { isInScope, type Scope } from "./parameter-scopes.ts";
import { encodeToken, readToken, type Token } from "./token.ts";
import type { Capabilities } from "./versions.ts";

export type GroupOrder = "ascending" | "descending";

/** Message Parameters, the same for every draft. What is absent is not on the wire. Times are in milliseconds. */
export interface Parameters {
  readonly tokens?: readonly Token[];
  readonly objectDeliveryTimeout?: number;
  readonly subgroupDeliveryTimeout?: number;
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
}

type Reading = { -readonly [Field in keyof Parameters]: Parameters[Field] };

/** One parameter: its type, whether a length comes before its value, and how its value is read and written. */
interface Definition {
  readonly type: number;
  readonly name: string;
  readonly lengthPrefixed: boolean;
  /** May be in a message more than once. */
  readonly repeats?: boolean;
  read(value: Cursor, into: Reading, caps: Capabilities): void;
  /** One function for each value that is to be written. */
  write(parameters: Parameters, caps: Capabilities): readonly ((value: Writer) => unknown)[];
}

const ORDERS: readonly (GroupOrder | undefined)[] = [undefined, "ascending", "descending"];

const DEFINITIONS: readonly Definition[] = [
  count("OBJECT_DELIVERY_TIMEOUT", 0x02, "objectDeliveryTimeout"),
  {
    type: 0x03,
    name: "AUTHORIZATION_TOKEN",
    lengthPrefixed: true,
    repeats: true,
    read: (value, into, caps) => {
      const tokens = into.tokens ?? [];
      if (tokens.length === MESSAGE_TOKENS) throw value.violation(`more than ${MESSAGE_TOKENS} tokens`);
      into.tokens = [...tokens, readToken(value.rest(), caps)];
    },
    write: ({ tokens = [] }, caps) => tokens.map((token) => (value) => value.raw(encodeToken(token, caps))),
  },
  count("RENDEZVOUS_TIMEOUT", 0x04, "rendezvousTimeout"),
  count("SUBGROUP_DELIVERY_TIMEOUT", 0x06, "subgroupDeliveryTimeout"),
  count("EXPIRES", 0x08, "expires"),
  {
    ...bare("LARGEST_OBJECT", 0x09),
    read: (value, into) => {
      into.largest = readLocation(value);
    },
    write: ({ largest }) => (largest === undefined ? [] : [(value) => putLocation(value, largest)]),
  },
  count("FILL_TIMEOUT", 0x0a, "fillTimeout"),
  {
    ...bare("FORWARD", 0x10),
    read: (value, into) => {
      into.forward = value.bool();
    },
    write: ({ forward }) => (forward === undefined ? [] : [(value) => value.bool(forward)]),
  },
  {
    ...bare("SUBSCRIBER_PRIORITY", 0x20),
    read: (value, into) => {
      into.priority = value.u8();
    },
    write: ({ priority }) => (priority === undefined ? [] : [(value) => value.u8(priority)]),
  },
  {
    type: 0x21,
    name: "SUBSCRIPTION_FILTER",
    lengthPrefixed: true,
    read: (value, into) => {
      into.filter = readSubscriptionFilter(value);
    },
    write: ({ filter }) => (filter === undefined ? [] : [(value) => putSubscriptionFilter(value, filter)]),
  },
  {
    ...bare("GROUP_ORDER", 0x22),
    read: (value, into) => {
      const order = ORDERS[value.u8()];
      if (order === undefined) throw value.violation("unknown group order");
      into.groupOrder = order;
    },
    write: ({ groupOrder }) => (groupOrder === undefined ? [] : [(value) => value.u8(ORDERS.indexOf(groupOrder))]),
  },
  count("NEW_GROUP_REQUEST", 0x32, "newGroupRequest"),
  {
    ...bare("TRACK_NAMESPACE_PREFIX", 0x34),
    read: (value, into) => {
      into.namespacePrefix = readNamespace(value);
    },
    write: ({ namespacePrefix }) =>
      namespacePrefix === undefined ? [] : [(value) => putNamespace(value, namespacePrefix)],
  },
];

const BY_TYPE = new Map(DEFINITIONS.map((definition) => [BigInt(definition.type), definition]));

/** Reads `Number of Parameters` and as many parameters. One that is unknown, twice there, or not of `scope` is a violation. */
export function readParameters(cursor: Cursor, scope: Scope, caps: Capabilities): Parameters {
  const parameters: Reading = {};
  let type = 0n;
  for (let left = cursor.varint(), first = true; left > 0; left--, first = false) {
    const last = type;
    type = nextType(cursor, last);
    const definition = BY_TYPE.get(type);
    if (definition === undefined) throw cursor.violation("unknown parameter");
    const { name, repeats = false, lengthPrefixed } = definition;
    if (!first && type === last && !repeats) throw cursor.violation(`${name} twice`);
    if (!isInScope(definition.type, scope, caps)) throw cursor.violation(`${name} is not allowed here`);
    if (!lengthPrefixed) {
      definition.read(cursor, parameters, caps);
      continue;
    }
    const value = newCursor(readBytes(cursor, MESSAGE_BYTES), name, caps);
    definition.read(value, parameters, caps);
    value.end();
  }
  return parameters;
}

/** Writes the count and the parameters, by ascending type. */
export function putParameters(writer: Writer, parameters: Parameters, caps: Capabilities): Writer {
  const values = DEFINITIONS.flatMap((definition) =>
    definition.write(parameters, caps).map((put) => ({ definition, put })),
  );
  writer.varint(values.length);
  let last = 0;
  for (const { definition, put } of values) {
    writer.varint(definition.type - last);
    last = definition.type;
    if (!definition.lengthPrefixed) {
      put(writer);
      continue;
    }
    const value = newWriter(caps);
    put(value);
    putBytes(writer, value.finish());
  }
  return writer;
}

function bare(name: string, type: number) {
  return { name, type, lengthPrefixed: false };
}

type CountField = {
  [Field in keyof Parameters]-?: Parameters[Field] extends number | undefined ? Field : never;
}[keyof Parameters];

/** A parameter that is a number. */
function count(name: string, type: number, field: CountField): Definition {
  return {
    ...bare(name, type),
    read: (value, into) => {
      into[field] = readCount(value);
    },
    write: (parameters) => {
      const number = parameters[field];
      return number === undefined ? [] : [(value) => value.varint(number)];
    },
  };
}
