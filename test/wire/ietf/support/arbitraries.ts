/** Any control message that a draft can carry where it stands, as fast-check arbitraries. */
import fc from "fast-check";
import type {
  Capabilities,
  Fetch,
  FilteredField,
  FullTrackName,
  Location,
  LocationFilter,
  Message,
  Namespace,
  NamespaceRequest,
  Parameters,
  Publish,
  RangeEnd,
  RangeFilter,
  Redirect,
  RequestKind,
  Setup,
  Side,
  Subscribe,
  Token,
  TrackProperties,
  ValueRange,
} from "../../../../moq/wire/ietf/index.ts";
import { encodeTrackProperties, REDIRECT } from "../../../../moq/wire/ietf/index.ts";
import { isInScope, type Scope } from "../../../../moq/wire/ietf/parameter-scopes.ts";

/** A control or request stream: who sends, what it is for, and its messages from the first one on. */
export interface Conversation {
  readonly place: "control" | "requests" | "answers";
  readonly from: Side;
  readonly request?: RequestKind;
  readonly messages: readonly Message[];
}

export const number = fc.oneof(fc.nat(70), fc.nat(), fc.maxSafeNat());
/** A number that is sent plus one. */
export const counted = number.map((value) => Math.max(0, value - 1));
export const positive = number.map((value) => Math.max(1, value));
export const byte = fc.nat(255);
export const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
export const text = (maxBytes: number) =>
  fc
    .string({ unit: "grapheme", maxLength: 40 })
    .filter((value) => Buffer.byteLength(value) <= maxBytes && !value.includes("\ufeff"));
export const side: fc.Arbitrary<Side> = fc.constantFrom("client", "server");

/** Objects with these fields and the prototype that readers give them. */
export function record<T, K extends keyof T = keyof T>(
  model: { [Field in keyof T]: fc.Arbitrary<T[Field]> },
  constraints: { requiredKeys?: K[] } = {},
) {
  return fc.record<T, K>(model, { ...constraints, noNullPrototype: true });
}

export const namespace: fc.Arbitrary<Namespace> = fc.array(fc.uint8Array({ minLength: 1, maxLength: 24 }), {
  maxLength: 32,
});
export const track: fc.Arbitrary<FullTrackName> = record({ namespace, name: bytes(60) });

export const token: fc.Arbitrary<Token> = fc.oneof(
  record({ use: fc.constantFrom("delete" as const, "alias" as const), alias: number }),
  record({ use: fc.constant("register" as const), alias: number, type: number, value: bytes(40) }),
  record({ use: fc.constant("value" as const), type: number, value: bytes(40) }),
);

export const location: fc.Arbitrary<Location> = record({ group: number, object: number });
export const order = fc.constantFrom("ascending" as const, "descending" as const);

/** A filter that the draft can say, and reads as it is. */
export function filter(caps: Capabilities): fc.Arbitrary<LocationFilter> {
  const range = fc.tuple(number, number, number, number).map(([a, b, object, last]) => ({
    kind: "absolute" as const,
    start: { group: Math.min(a, b), object },
    end: { group: Math.max(a, b), object: last },
  }));
  const both: fc.Arbitrary<LocationFilter>[] = [
    fc.constant({ kind: "next_object" }),
    record({ kind: fc.constant("relative" as const), groups: caps.fill ? number : fc.constant(0) }),
    // From the first object on is everything, which one draft writes as no filter.
    record({ kind: fc.constant("absolute" as const), start: location }).filter(
      ({ start }) => caps.locationFilter !== "fields" || start.group > 0 || start.object > 0,
    ),
    range.map(({ kind, start, end }) => ({ kind, start, end: { group: end.group } })),
  ];
  return fc.oneof<fc.Arbitrary<LocationFilter>[]>(
    ...both,
    ...(caps.fill ? [range, fc.constant({ kind: "none" as const })] : []),
  );
}

/** Several filters, each of another field, set or property. */
const rangeFilters: fc.Arbitrary<readonly RangeFilter[]> = fc
  .uniqueArray(
    fc.tuple(
      fc.constantFrom<FilteredField[]>("subgroup", "object", "priority", "object_property", "track_property"),
      fc.oneof(byte, fc.constant(undefined)),
      number.map((value) => 2 * Math.floor(value / 4)),
      fc.array(byte, { minLength: 1, maxLength: 6 }),
    ),
    {
      maxLength: 4,
      selector: ([field, set, property]) => `${field} ${set} ${set !== undefined && isProperty(field) ? property : ""}`,
    },
  )
  .map((all) => all.map(rangeFilter).toSorted((a, b) => fields.indexOf(a.field) - fields.indexOf(b.field)));

const fields: readonly FilteredField[] = ["subgroup", "object", "priority", "object_property", "track_property"];

function isProperty(field: FilteredField): boolean {
  return field === "object_property" || field === "track_property";
}

function rangeFilter([field, set, property, values]: [
  FilteredField,
  number | undefined,
  number,
  number[],
]): RangeFilter {
  if (set === undefined) return { field, ranges: [] };
  const ascending = values.toSorted((a, b) => a - b);
  const ranges: ValueRange[] = [];
  for (let at = 0; at < ascending.length; at += 2) {
    const end = ascending[at + 1];
    ranges.push({ start: ascending[at] ?? 0, ...(end === undefined ? {} : { end }) });
  }
  return { field, set, ...(isProperty(field) ? { property } : {}), ranges };
}

export const rangeEnd: fc.Arbitrary<RangeEnd> = record({ group: number, object: counted }, { requiredKeys: ["group"] });

/** Types of parameters that drafts before 17 do not have. Their messages are written without them. */
const SINCE_17: readonly number[] = [0x04, 0x06, 0x0a, 0x34];

/** The parameters that may be in a message, each of them there or not. */
export function parameters(scope: Scope, caps: Capabilities): fc.Arbitrary<Parameters> {
  const fields: {
    readonly [Field in Exclude<keyof Parameters, "invalidFilter" | "maxCacheDuration">]-?: readonly [
      number,
      fc.Arbitrary<Required<Parameters>[Field]>,
    ];
  } = {
    tokens: [0x03, fc.array(token, { minLength: 1, maxLength: 3 })],
    objectDeliveryTimeout: [0x02, number],
    subgroupDeliveryTimeout: [0x06, number],
    rendezvousTimeout: [0x04, number],
    expires: [0x08, number],
    largest: [0x09, location],
    fillTimeout: [0x0a, number],
    forward: [0x10, fc.boolean()],
    priority: [0x20, byte],
    filter: [0x21, filter(caps)],
    groupOrder: [0x22, order],
    newGroupRequest: [0x32, number],
    namespacePrefix: [0x34, namespace],
    rangeFilters: [
      0x25,
      rangeFilters.filter(
        (all) =>
          all.length > 0 &&
          (scope.startsWith("subscribeTracks") || all.every(({ field }) => field !== "track_property")),
      ),
    ],
    fill: [0x23, fc.constant({})],
    includeProperties: [0x35, fc.boolean()],
  };
  const model: Record<string, fc.Arbitrary<unknown>> = {};
  for (const [field, [type, values]] of Object.entries(fields))
    if (isInScope(type, scope, caps) && (caps.requestStreams || !SINCE_17.includes(type))) model[field] = values;
  if (isInScope(0x23, scope, caps)) model["fill"] = parameters("fill", caps);
  return fc.record(model, { requiredKeys: [], noNullPrototype: true });
}

export const trackProperties: fc.Arbitrary<TrackProperties> = record(
  {
    objectDeliveryTimeout: number,
    subgroupDeliveryTimeout: number,
    maxCacheDuration: number,
    priority: byte,
    groupOrder: order,
    dynamicGroups: fc.boolean(),
  },
  { requiredKeys: [] },
);

export function properties(): fc.Arbitrary<Uint8Array> {
  return trackProperties.map((values) => encodeTrackProperties(values));
}

export const NONE = fc.constant(new Uint8Array(0));

function subscribe(kind: "subscribe" | "trackStatus", caps: Capabilities): fc.Arbitrary<Message> {
  const message: fc.Arbitrary<Subscribe> = fc
    .tuple(record({ requestId: number, parameters: parameters(kind, caps) }), track)
    .map(([fields, names]) => ({ ...fields, ...names }));
  return message.map((fields) => ({ kind, ...fields }));
}

function publish(caps: Capabilities): fc.Arbitrary<Message> {
  const fields = record({
    requestId: number,
    alias: number,
    parameters: parameters("publish", caps),
    properties: properties(),
  });
  const message: fc.Arbitrary<Publish> = fc.tuple(fields, track).map(([rest, names]) => ({ ...rest, ...names }));
  return message.map((rest) => ({ kind: "publish", ...rest }));
}

function fetch(caps: Capabilities): fc.Arbitrary<Message> {
  const range = record({ kind: fc.constant("absolute" as const), start: location, end: rangeEnd });
  const standalone: fc.Arbitrary<Fetch> = fc
    .tuple(number, track, parameters("fetch", caps), range)
    .map(([requestId, of, rest, within]) => ({ requestId, of, parameters: { ...rest, filter: within } }));
  if (caps.fill) {
    return fc
      .tuple(number, track, parameters("fetch", caps))
      .map(([requestId, of, rest]) => ({ kind: "fetch", requestId, of, parameters: rest }));
  }
  const joining: fc.Arbitrary<Fetch> = record({
    requestId: number,
    of: record({ subscription: number, start: number, relative: fc.boolean() }),
    parameters: parameters("fetch", caps),
  });
  return fc.oneof(standalone, joining).map((fields) => ({ kind: "fetch", ...fields }));
}

function namespaceRequest(
  kind: "publishNamespace" | "subscribeNamespace" | "subscribeTracks",
  caps: Capabilities,
): fc.Arbitrary<Message> {
  const message: fc.Arbitrary<NamespaceRequest> = record({
    requestId: number,
    namespace,
    parameters: parameters(kind, caps),
  });
  return message.map((fields) => ({ kind, ...fields }));
}

function request(kind: RequestKind, caps: Capabilities): fc.Arbitrary<Message> {
  switch (kind) {
    case "subscribe":
    case "trackStatus":
      return subscribe(kind, caps);
    case "publish":
      return publish(caps);
    case "fetch":
      return fetch(caps);
    case "publishNamespace":
    case "subscribeNamespace":
    case "subscribeTracks":
      return namespaceRequest(kind, caps);
  }
}

function update(scope: Scope, caps: Capabilities): fc.Arbitrary<Message> {
  return record({
    kind: fc.constant("requestUpdate" as const),
    requestId: number,
    parameters: parameters(scope, caps),
  });
}

function requestOk(scope: Scope, caps: Capabilities): fc.Arbitrary<Message> {
  return record({
    kind: fc.constant("requestOk" as const),
    parameters: parameters(scope, caps),
    properties: scope === "trackStatusOk" ? properties() : NONE,
  });
}

/** A refusal. Only servers say where else to go. */
function requestError(kind: RequestKind, from: Side): fc.Arbitrary<Message> {
  const plain = record(
    { kind: fc.constant("requestError" as const), code: number, retryAfter: counted, reason: text(1024) },
    { requiredKeys: ["kind", "code", "reason"] },
  ).map((message) => (message.code === REDIRECT ? { ...message, code: 0 } : message));
  const named = !["publishNamespace", "subscribeNamespace", "subscribeTracks"].includes(kind);
  const uri = from === "server" ? text(8192) : fc.constant("");
  const redirect: fc.Arbitrary<Redirect> = record({ uri, namespace, name: named ? bytes(60) : NONE });
  const away = record({
    kind: fc.constant("requestError" as const),
    code: fc.constant(REDIRECT),
    reason: text(1024),
    redirect,
  });
  return fc.oneof(plain, away);
}

export function publishDone(): fc.Arbitrary<Message> {
  return record(
    { kind: fc.constant("publishDone" as const), code: number, streams: number, reason: text(1024) },
    { requiredKeys: ["kind", "code", "reason"] },
  );
}

function publishState(caps: Capabilities): fc.Arbitrary<Message>[] {
  if (!caps.publishParameters) return [];
  return [record({ kind: fc.constant("publishState" as const), parameters: parameters("publishState", caps) })];
}

function goaway(from: Side, caps: Capabilities, control: boolean): fc.Arbitrary<Message> {
  const uri = from === "server" ? text(8192) : fc.constant("");
  const fields = { kind: fc.constant("goaway" as const), uri, timeout: number };
  // Ids of the other side: a server refuses requests of the client, which are even.
  const requestId = fc.nat().map((value) => 2 * value + (from === "client" ? 1 : 0));
  return control && caps.goawayRequestId ? record({ ...fields, requestId }) : record(fields);
}

const SETUP_PATHS = ["/", "/live?jwt=a.b-c_d", "/a/b%20c", "", "?q=1/2"];
const AUTHORITIES = ["relay.example", "relay.example:4443", "[2001:db8::1]:443", "user@10.0.0.1"];

export function setup(from: Side, caps: Capabilities): fc.Arbitrary<Message> {
  const usable = token.filter(({ use }) => from === "server" || use === "register" || use === "value");
  const fields: fc.Arbitrary<Setup> = record(
    {
      maxAuthTokenCacheSize: number,
      ...(caps.requestStreams ? {} : { maxRequestId: positive }),
      tokens: fc.array(usable, { maxLength: 3 }),
      ...(caps.rangeFilters ? { maxFilterRanges: positive, maxRequestUpdates: positive } : {}),
      implementation: text(60),
      ...(from === "client"
        ? { path: fc.constantFrom(...SETUP_PATHS), authority: fc.constantFrom(...AUTHORITIES) }
        : {}),
    },
    { requiredKeys: ["maxAuthTokenCacheSize", "tokens"] },
  );
  const sender = caps.requestStreams ? {} : { from };
  return fields.map((message) => ({ kind: "setup", ...sender, ...message }));
}

const KINDS: readonly RequestKind[] = [
  "subscribe",
  "publish",
  "fetch",
  "trackStatus",
  "publishNamespace",
  "subscribeNamespace",
  "subscribeTracks",
];

function control(caps: Capabilities): fc.Arbitrary<Conversation> {
  return side.chain((from) =>
    fc
      .tuple(setup(from, caps), fc.array(goaway(from, caps, true), { maxLength: 1 }))
      .map(([first, more]) => ({ place: "control" as const, from, messages: [first, ...more] })),
  );
}

/** What the side that opens a stream sends. */
export function opened(kind: RequestKind, from: Side, caps: Capabilities): fc.Arbitrary<Conversation> {
  const more: Readonly<Record<RequestKind, readonly fc.Arbitrary<Message>[]>> = {
    subscribe: [update("subscribeUpdate", caps)],
    publish: [
      update("publishUpdate", caps),
      requestOk("updateOk", caps),
      requestError(kind, from),
      publishDone(),
      ...publishState(caps),
    ],
    fetch: [update("fetchUpdate", caps)],
    trackStatus: [],
    publishNamespace: [update("publishNamespaceUpdate", caps)],
    subscribeNamespace: [update("subscribeNamespaceUpdate", caps)],
    subscribeTracks: [update("subscribeTracksUpdate", caps)],
  };
  const own = more[kind];
  const rest = own.length === 0 ? fc.constant<Message[]>([]) : fc.array(fc.oneof(...own), { maxLength: 4 });
  return fc
    .tuple(request(kind, caps), rest)
    .map(([first, others]) => ({ place: "requests" as const, from, messages: [first, ...others] }));
}

/** What the other side of it sends. */
export function answered(kind: RequestKind, from: Side, caps: Capabilities): fc.Arbitrary<Conversation> {
  const ok = {
    subscribe: record({
      kind: fc.constant("subscribeOk" as const),
      alias: number,
      parameters: parameters("subscribeOk", caps),
      properties: properties(),
    }),
    fetch: record({
      kind: fc.constant("fetchOk" as const),
      endOfTrack: fc.boolean(),
      end: rangeEnd,
      parameters: parameters("fetchOk", caps),
      properties: properties(),
    }),
    publish: requestOk("publishOk", caps),
    trackStatus: requestOk("trackStatusOk", caps),
    publishNamespace: requestOk("publishNamespaceOk", caps),
    subscribeNamespace: requestOk("subscribeNamespaceOk", caps),
    subscribeTracks: requestOk("subscribeTracksOk", caps),
  }[kind];
  const suffix = record({ kind: fc.constantFrom("namespace" as const, "namespaceDone" as const), suffix: namespace });
  const skipped = track.map((names) => ({ kind: "publishSkipped" as const, ...names }));
  const own: Readonly<Record<RequestKind, readonly fc.Arbitrary<Message>[]>> = {
    subscribe: [publishDone(), ...publishState(caps)],
    publish: [update("subscribeUpdate", caps)],
    fetch: [],
    trackStatus: [],
    publishNamespace: [],
    subscribeNamespace: [suffix],
    subscribeTracks: [skipped],
  };
  const first: fc.Arbitrary<Message> = fc.oneof<fc.Arbitrary<Message>[]>(ok, requestError(kind, from));
  const rest = fc.oneof(...own[kind], requestOk("updateOk", caps), requestError(kind, from));
  return fc
    .tuple(first, fc.array(rest, { maxLength: 4 }), fc.array(goaway(from, caps, false), { maxLength: 1 }))
    .map(([one, more, last]) => ({
      place: "answers" as const,
      from,
      request: kind,
      messages: [one, ...more, ...last],
    }));
}

/** Any stream of a draft since 17 with control messages. */
export function streamConversations(caps: Capabilities): fc.Arbitrary<Conversation> {
  const requests = fc.tuple(fc.constantFrom(...KINDS), side);
  return fc.oneof(
    control(caps),
    requests.chain(([kind, from]) => opened(kind, from, caps)),
    requests.chain(([kind, from]) => answered(kind, from, caps)),
  );
}
