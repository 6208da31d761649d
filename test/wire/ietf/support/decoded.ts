/**
 * Messages as vectors of others describe them, in our terms. Integers are decimal strings, bytes of text are text, and other bytes are
 * hexadecimal. Parameters are an object by name (drafts 14 and 16), or a list with types and names.
 */

import { newWriter } from "../../../../moq/wire/ietf/codec.ts";
import type {
  Capabilities,
  FilteredField,
  Location,
  LocationFilter,
  Message,
  Parameters,
  RangeEnd,
  RangeFilter,
  RequestKind,
  Side,
  Token,
} from "../../../../moq/wire/ietf/index.ts";
import { type KeyValue, putKeyValues } from "../../../../moq/wire/ietf/key-values.ts";
import { PRESENT } from "../../../../moq/wire/ietf/property-forms.ts";
import { bytes } from "../../support/bytes.ts";

export type Fields = Readonly<Record<string, unknown>>;

interface Listed {
  readonly type: string;
  readonly name?: string;
  readonly value?: unknown;
  readonly raw_hex?: string;
}

const utf8 = (text: unknown) => Uint8Array.from(Buffer.from(String(text)));

function number(value: unknown): number {
  return Number(value);
}

function listOf(described: unknown): readonly Listed[] {
  if (Array.isArray(described)) return described as Listed[];
  return Object.entries((described ?? {}) as Fields)
    .filter(([name]) => name !== "unknown")
    .map(([name, value]) => ({ type: "", name, value }));
}

const COUNTS: Readonly<Record<string, keyof Parameters>> = {
  delivery_timeout: "objectDeliveryTimeout",
  object_delivery_timeout: "objectDeliveryTimeout",
  subgroup_delivery_timeout: "subgroupDeliveryTimeout",
  max_cache_duration: "maxCacheDuration",
  rendezvous_timeout: "rendezvousTimeout",
  expires: "expires",
  fill_timeout: "fillTimeout",
  subscriber_priority: "priority",
  new_group_request: "newGroupRequest",
};

const RANGES: Readonly<Record<string, FilteredField>> = { subgroup_filter: "subgroup" };

function parametersOf(described: unknown, caps: Capabilities): Parameters {
  const found: Record<string, unknown> = {};
  for (const { name = "", value } of listOf(described)) {
    const count = COUNTS[name];
    if (count !== undefined) found[count] = number(value);
    else if (name === "authorization_token")
      found["tokens"] = [...((found["tokens"] as []) ?? []), tokenOf(value as Fields)];
    else if (name === "forward") found["forward"] = value === "1";
    else if (name === "include_properties") found["includeProperties"] = value === "1";
    else if (name === "group_order") found["groupOrder"] = orderOf(value);
    else if (name === "largest_object") found["largest"] = locationOf(value as Fields);
    else if (name.endsWith("_filter") && name in RANGES) {
      found["rangeFilters"] = [rangeFilterOf(RANGES[name] as FilteredField, value as Fields)];
    } else if (name.endsWith("_filter")) found["filter"] = filterOf(value as Fields, caps);
    else if (name === "fill_parameters") found["fill"] = parametersOf(value, caps);
    else throw new Error(`no parameter ${name}`);
  }
  return found;
}

function tokenOf({ alias_type: use, token_alias, token_type, token_value }: Fields): Token {
  const alias = number(token_alias);
  const held = { type: number(token_type), value: bytes(String(token_value ?? "")) };
  if (use === "0") return { use: "delete", alias };
  if (use === "1") return { use: "register", alias, ...held };
  return use === "2" ? { use: "alias", alias } : { use: "value", ...held };
}

function orderOf(value: unknown): "ascending" | "descending" {
  return value === "1" ? "ascending" : "descending";
}

function locationOf({ group, object }: Fields): Location {
  return { group: number(group), object: number(object) };
}

function rangeFilterOf(field: FilteredField, { set_id, ranges }: Fields): RangeFilter {
  const pairs = ranges as readonly Fields[];
  return {
    field,
    set: number(set_id),
    ranges: pairs.map(({ start, end }) => ({
      start: number(start),
      ...(end === undefined ? {} : { end: number(end) }),
    })),
  };
}

/** What the types of a filter mean in each draft. */
const FILTERS: Readonly<Record<Capabilities["locationFilter"], readonly string[]>> = {
  end_group: ["", "next", "object", "start", "range"],
  end_delta: ["", "next", "object", "start", "range"],
  fields: [],
  typed: ["none", "relative", "start", "range", "range", "object"],
};

function filterOf(fields: Fields, caps: Capabilities): LocationFilter {
  const kind = FILTERS[caps.locationFilter][number(fields["filter_type"])] ?? shapeOf(fields);
  const { start_group, start_object, end_group, end_group_delta, end_object } = fields;
  switch (kind) {
    case "none":
      return { kind: "none" };
    case "next":
      return { kind: "relative", groups: 0 };
    case "object":
      return { kind: "next_object" };
    case "relative":
      return { kind: "relative", groups: number(start_group) };
  }
  const start = { group: number(start_group), object: number(start_object) };
  if (kind === "start") return { kind: "absolute", start };
  const delta = caps.locationFilter === "end_delta" ? end_group : end_group_delta;
  const group = caps.locationFilter === "end_group" ? number(end_group) : start.group + number(delta);
  return {
    kind: "absolute",
    start,
    end: { group, ...(end_object === undefined ? {} : { object: number(end_object) }) },
  };
}

/** In draft 20, the fields that are there say what a filter is. */
function shapeOf({ removed, start_group, start_object, end_group_delta }: Fields): string {
  if (removed === true) return "none";
  if (start_object === undefined) return "relative";
  if (end_group_delta !== undefined) return "range";
  return start_group === "0" && start_object === "0" ? "object" : "start";
}

const PROPERTY_TYPES: Readonly<Record<string, number>> = {
  delivery_timeout: 0x02,
  max_cache_duration: 0x04,
  default_publisher_priority: 0x0e,
  group_order: 0x22,
};

/** Properties in the form of draft 18. */
function propertiesOf(described: unknown): Uint8Array {
  const pairs = listOf(described).map(({ type, name = "", value, raw_hex }): KeyValue => {
    const number = type === "" ? BigInt(PROPERTY_TYPES[name] ?? 0) : BigInt(type);
    return raw_hex === undefined
      ? { type: number, value: BigInt(value as string) }
      : { type: number, value: bytes(raw_hex) };
  });
  return putKeyValues(newWriter(PRESENT), pairs, PRESENT).finish();
}

function names(fields: Fields) {
  const namespace = fields["track_namespace"] ?? fields["namespace_prefix"] ?? fields["namespace_suffix"];
  return { namespace: ((namespace ?? []) as unknown[]).map(utf8), name: utf8(fields["track_name"]) };
}

/** The end of a fetch, which includes no object or all of the group before draft 20. */
function endOf(group: unknown, object: unknown, caps: Capabilities): RangeEnd {
  if (caps.fill) return { group: number(group), object: number(object) };
  return object === "0" ? { group: number(group) } : { group: number(group), object: number(object) - 1 };
}

/** Draft 14 has some parameters in fields. */
function fixed(fields: Fields, caps: Capabilities): Parameters {
  const { subscriber_priority, forward, filter_type, expires, content_exists, largest_location } = fields;
  return {
    ...(subscriber_priority === undefined ? {} : { priority: number(subscriber_priority) }),
    ...(forward === undefined ? {} : { forward: forward === "1" }),
    ...(filter_type === undefined ? {} : { filter: filterOf(fields, caps) }),
    ...(expires === undefined || expires === "0" ? {} : { expires: number(expires) }),
    ...(content_exists === "1" ? { largest: locationOf(largest_location as Fields) } : {}),
  };
}

/** What a subscriber sends in draft 14. */
function wanted(fields: Fields, caps: Capabilities): Parameters {
  const { group_order } = fields;
  const order = group_order === undefined || group_order === "0" ? {} : { groupOrder: orderOf(group_order) };
  return { ...fixed(fields, caps), ...order, ...parametersOf(fields["parameters"], caps) };
}

/** What a publisher sends: in draft 14, parameters of the track are properties. */
function published(fields: Fields, caps: Capabilities) {
  if (!caps.fixedFields) {
    const properties = propertiesOf(fields["track_properties"] ?? fields["track_extensions"]);
    return { parameters: parametersOf(fields["parameters"], caps), properties };
  }
  const { delivery_timeout, max_cache_duration, ...rest } = fields["parameters"] as Fields;
  const ofTrack = { delivery_timeout, max_cache_duration, group_order: fields["group_order"] };
  const said = Object.fromEntries(Object.entries(ofTrack).filter(([, value]) => value !== undefined));
  return { parameters: { ...fixed(fields, caps), ...parametersOf(rest, caps) }, properties: propertiesOf(said) };
}

const REQUESTS: readonly (readonly [string, RequestKind])[] = [
  ["subscribe_namespace", "subscribeNamespace"],
  ["subscribe_tracks", "subscribeTracks"],
  ["subscribe", "subscribe"],
  ["publish_namespace", "publishNamespace"],
  ["publish", "publish"],
  ["fetch", "fetch"],
  ["track_status", "trackStatus"],
];

/** The message of that type. `from`: who sends it. */
export function messageOf(type: string, fields: Fields, caps: Capabilities, from: Side): Message {
  const id = fields["request_id"] === undefined ? {} : { requestId: number(fields["request_id"]) };
  const requestId = number(fields["request_id"]);
  const parameters = () => parametersOf(fields["parameters"], caps);
  const failure = {
    code: number(fields["error_code"] ?? fields["status_code"]),
    reason: String(fields["reason_phrase"]),
  };
  const kind = REQUESTS.find(([name]) => name === type)?.[1];
  switch (kind) {
    case "subscribe":
    case "trackStatus":
      return { kind, requestId, ...names(fields), parameters: caps.fixedFields ? wanted(fields, caps) : parameters() };
    case "publish":
      return { kind, requestId, ...names(fields), alias: number(fields["track_alias"]), ...published(fields, caps) };
    case "fetch":
      return fetchOf(fields, caps);
    case "publishNamespace":
      return { kind, requestId, namespace: names(fields).namespace, parameters: parameters() };
    case "subscribeNamespace":
    case "subscribeTracks":
      return namespaceRequest(kind, fields, caps);
    case undefined:
      break;
  }
  if (type === "setup" || type === "client_setup" || type === "server_setup") return setupOf(fields, caps, from);
  if (type.endsWith("_error")) return errorOf(type, fields, id, failure);
  switch (type) {
    case "goaway":
      return {
        kind: "goaway",
        uri: String(fields["new_session_uri"]),
        timeout: number(fields["timeout"] ?? "0"),
        ...id,
      };
    case "subscribe_ok":
      return { kind: "subscribeOk", ...id, alias: number(fields["track_alias"]), ...published(fields, caps) };
    case "fetch_ok": {
      const end = (fields["end_location"] ?? { group: fields["end_group"], object: fields["end_object"] }) as Fields;
      const range = endOf(end["group"], end["object"], caps);
      return {
        kind: "fetchOk",
        ...id,
        endOfTrack: fields["end_of_track"] === "1",
        end: range,
        ...published(fields, caps),
      };
    }
    case "publish_ok":
      return {
        kind: "requestOk",
        ...id,
        request: "publish",
        parameters: caps.fixedFields ? wanted(fields, caps) : parameters(),
        properties: new Uint8Array(0),
      };
    case "request_ok":
    case "publish_namespace_ok":
    case "subscribe_namespace_ok":
    case "track_status_ok":
      return okOf(type, fields, id, caps);
    case "subscribe_update":
    case "request_update":
      return updateOf(fields, caps);
    case "publish_done": {
      const streams = number(fields["stream_count"]);
      return { kind: "publishDone", ...id, ...failure, streams };
    }
    case "publish_state_notify":
      return { kind: "publishState", parameters: parameters() };
    case "publish_blocked":
    case "publish_skipped":
      return { kind: "publishSkipped", ...names(fields) };
    case "namespace":
      return { kind: "namespace", suffix: names(fields).namespace };
    case "namespace_done":
      return { kind: "namespaceDone", suffix: names(fields).namespace };
    default:
      return beforeDraft17(type, fields, id, failure);
  }
}

function beforeDraft17(
  type: string,
  fields: Fields,
  id: { readonly requestId?: number },
  failure: { readonly code: number; readonly reason: string },
): Message {
  const which = fields["track_namespace"] === undefined ? id : { namespace: names(fields).namespace };
  const maximum = number(fields["maximum_request_id"] ?? fields["max_request_id"] ?? fields["request_id"]);
  switch (type) {
    case "unsubscribe":
      return { kind: "unsubscribe", requestId: number(fields["request_id"]) };
    case "fetch_cancel":
      return { kind: "fetchCancel", requestId: number(fields["request_id"]) };
    case "max_request_id":
      return { kind: "maxRequestId", maximum };
    case "requests_blocked":
      return { kind: "requestsBlocked", maximum };
    case "publish_namespace_done":
      return { kind: "publishNamespaceDone", ...which };
    case "publish_namespace_cancel":
      return { kind: "publishNamespaceCancel", ...which, ...failure };
    case "unsubscribe_namespace":
      return {
        kind: "unsubscribeNamespace",
        namespace: (fields["track_namespace_prefix"] as unknown[]).map(utf8),
      };
    default:
      throw new Error(`no message ${type}`);
  }
}

function setupOf(fields: Fields, caps: Capabilities, from: Side): Message {
  const options = Object.fromEntries(
    listOf(fields["options"] ?? fields["parameters"]).map(({ name = "", value }) => [name, value]),
  );
  const { path, authority, moqt_implementation, max_auth_token_cache_size, max_request_id, authorization_token } =
    options;
  return {
    kind: "setup",
    ...(caps.requestStreams ? {} : { from }),
    ...(path === undefined ? {} : { path: String(path) }),
    ...(authority === undefined ? {} : { authority: String(authority) }),
    ...(moqt_implementation === undefined ? {} : { implementation: String(moqt_implementation) }),
    ...(max_request_id === undefined || max_request_id === "0" ? {} : { maxRequestId: number(max_request_id) }),
    maxAuthTokenCacheSize: number(max_auth_token_cache_size ?? "0"),
    tokens: authorization_token === undefined ? [] : [tokenOf(authorization_token as Fields)],
  };
}

function errorOf(
  type: string,
  fields: Fields,
  id: { readonly requestId?: number },
  failure: { readonly code: number; readonly reason: string },
): Message {
  const request = REQUESTS.find(([name]) => type === `${name}_error`)?.[1];
  const retry = number(fields["retry_interval"] ?? "0");
  const redirect = fields["redirect"] as Fields | undefined;
  return {
    kind: "requestError",
    ...id,
    ...(request === undefined ? {} : { request }),
    ...failure,
    ...(retry === 0 ? {} : { retryAfter: retry - 1 }),
    ...(redirect === undefined ? {} : { redirect: { uri: String(redirect["connect_uri"]), ...names(redirect) } }),
  };
}

function okOf(type: string, fields: Fields, id: { readonly requestId?: number }, caps: Capabilities): Message {
  const request = REQUESTS.find(([name]) => type === `${name}_ok`)?.[1];
  const plain = type === "track_status_ok" || !caps.fixedFields;
  const said = plain ? published(fields, caps) : { parameters: {}, properties: new Uint8Array(0) };
  return { kind: "requestOk", ...id, ...(request === undefined ? {} : { request }), ...said };
}

function updateOf(fields: Fields, caps: Capabilities): Message {
  const requestId = number(fields["request_id"]);
  const existing = fields["existing_request_id"] ?? fields["subscription_request_id"];
  const of = existing === undefined ? {} : { of: number(existing) };
  if (!caps.fixedFields)
    return { kind: "requestUpdate", requestId, ...of, parameters: parametersOf(fields["parameters"], caps) };
  const end = number(fields["end_group"]);
  const filter: LocationFilter = {
    kind: "absolute",
    start: { group: number(fields["start_group"]), object: number(fields["start_object"]) },
    ...(end === 0 ? {} : { end: { group: end - 1 } }),
  };
  return { kind: "requestUpdate", requestId, ...of, parameters: { ...wanted(fields, caps), filter } };
}

function fetchOf(fields: Fields, caps: Capabilities): Message {
  const requestId = number(fields["request_id"]);
  const parameters = caps.fixedFields ? wanted(fields, caps) : parametersOf(fields["parameters"], caps);
  if (caps.fill) return { kind: "fetch", requestId, of: names(fields), parameters };
  if (fields["fetch_type"] === "1") {
    const start = { group: number(fields["start_group"]), object: number(fields["start_object"]) };
    const end = endOf(fields["end_group"], fields["end_object"], caps);
    return {
      kind: "fetch",
      requestId,
      of: names(fields),
      parameters: { ...parameters, filter: { kind: "absolute", start, end } },
    };
  }
  const of = {
    subscription: number(fields["joining_request_id"]),
    start: number(fields["joining_start"]),
    relative: fields["fetch_type"] === "2",
  };
  return { kind: "fetch", requestId, of, parameters };
}

function namespaceRequest(kind: "subscribeNamespace" | "subscribeTracks", fields: Fields, caps: Capabilities): Message {
  const options = fields["subscribe_options"] ?? (caps.subscribeTracks ? "1" : "2");
  return {
    kind: options === "0" ? "subscribeTracks" : kind,
    requestId: number(fields["request_id"]),
    namespace: names(fields).namespace,
    parameters: parametersOf(fields["parameters"], caps),
    ...(options === "2" ? { tracks: true } : {}),
  };
}
