/** Control messages of drafts before 17, where all requests share the control stream. */
import fc from "fast-check";
import {
  type Capabilities,
  encodeTrackProperties,
  type GroupOrder,
  type LocationFilter,
  type Message,
  type Parameters,
  type RequestKind,
  type Side,
} from "../../../../moq/wire/ietf/index.ts";
import {
  byte,
  bytes,
  type Conversation,
  counted,
  filter,
  location,
  NONE,
  namespace,
  number,
  order,
  parameters,
  properties,
  rangeEnd,
  record,
  setup,
  side,
  text,
  token,
  track,
} from "./arbitraries.ts";

/** Any stream of such a draft with control messages. */
export function multiplexedConversations(caps: Capabilities): fc.Arbitrary<Conversation> {
  const control = side.chain((from) =>
    fc
      .tuple(setup(from, caps), fc.array(onControl(from, caps), { maxLength: 5 }), fc.boolean())
      .map(([first, more, asRequest]) => ({
        // The stream that the client opens is read as any stream at first.
        place: asRequest && from === "client" ? ("requests" as const) : ("control" as const),
        from,
        messages: [first, ...more],
      })),
  );
  return caps.namespaceStreams ? fc.oneof(control, namespaceStream(caps), namespaceAnswers(caps)) : control;
}

/** A namespace of a draft that allows none without fields. */
const whole = namespace.filter((fields) => fields.length > 0);
const named = track.filter((names) => names.namespace.length > 0);
const id = { requestId: number };

function kind<K extends string>(value: K) {
  return { kind: fc.constant(value) };
}

function onControl(_from: Side, caps: Capabilities): fc.Arbitrary<Message> {
  const own = caps.fixedFields ? draft14(caps) : draft16(caps);
  return fc.oneof<fc.Arbitrary<Message>[]>(
    ...own,
    record({ ...kind("unsubscribe"), ...id }),
    record({ ...kind("fetchCancel"), ...id }),
    record({ ...kind("maxRequestId"), maximum: number }),
    record({ ...kind("requestsBlocked"), maximum: number }),
    record(
      { ...kind("publishDone"), ...id, code: number, streams: number, reason: text(1024) },
      { requiredKeys: ["kind", "requestId", "code", "reason"] },
    ),
  );
}

function draft16(caps: Capabilities): fc.Arbitrary<Message>[] {
  const of = (scope: Scope) => parameters(scope, caps).map(positiveTimeout);
  const named16 = <K extends "subscribe" | "trackStatus">(value: K) =>
    fc
      .tuple(record({ ...kind(value), ...id, parameters: of(value) }), named)
      .map(([rest, names]) => ({ ...rest, ...names }));
  const answer = { ...id, parameters: of("updateOk"), properties: NONE };
  const publish = record({
    ...kind("publish"),
    ...id,
    alias: number,
    parameters: of("publish"),
    properties: properties(),
  });
  return [
    named16("subscribe"),
    named16("trackStatus"),
    record({ ...kind("subscribeOk"), ...id, alias: number, parameters: of("subscribeOk"), properties: properties() }),
    fc.tuple(publish, named).map(([rest, names]) => ({ ...rest, ...names })),
    fetches(of("fetch")),
    record({
      ...kind("fetchOk"),
      ...id,
      endOfTrack: fc.boolean(),
      end: rangeEnd,
      parameters: of("fetchOk"),
      properties: properties(),
    }),
    record({ ...kind("requestUpdate"), ...id, of: number, parameters: of("subscribeUpdate") }),
    record({ ...kind("requestOk"), ...answer }),
    record({ ...kind("requestOk"), ...answer, request: fc.constant("publish" as const), parameters: of("publishOk") }),
    refusal(),
    record({ ...kind("publishNamespace"), ...id, namespace: whole, parameters: of("publishNamespace") }),
    record({ ...kind("publishNamespaceDone"), ...id }),
    record({ ...kind("publishNamespaceCancel"), ...id, code: number, reason: text(1024) }),
  ];
}

type Scope = globalThis.Parameters<typeof parameters>[0];

/** A delivery time-out of draft 16 is not 0. */
function positiveTimeout(all: Parameters): Parameters {
  return all.objectDeliveryTimeout === 0 ? { ...all, objectDeliveryTimeout: 1 } : all;
}

function refusal(): fc.Arbitrary<Message> {
  return record(
    { ...kind("requestError"), ...id, code: number, retryAfter: counted, reason: text(1024) },
    { requiredKeys: ["kind", "requestId", "code", "reason"] },
  );
}

function fetches(rest: fc.Arbitrary<Parameters>): fc.Arbitrary<Message> {
  const range = record({ kind: fc.constant("absolute" as const), start: location, end: rangeEnd });
  const standalone = fc.tuple(number, named, rest, range).map(([requestId, of, fields, within]) => ({
    kind: "fetch" as const,
    requestId,
    of,
    parameters: { ...fields, filter: within },
  }));
  const joining = record({
    ...kind("fetch"),
    ...id,
    of: record({ subscription: number, start: number, relative: fc.boolean() }),
    parameters: rest,
  });
  return fc.oneof<fc.Arbitrary<Message>[]>(standalone, joining);
}

const tokens = fc.array(token, { minLength: 1, maxLength: 3 });

/** What draft 14 has in fields is always there. */
function draft14(caps: Capabilities): fc.Arbitrary<Message>[] {
  const optional = { groupOrder: order, objectDeliveryTimeout: number, tokens };
  const wanted = { priority: byte, forward: fc.boolean(), filter: filter(caps), ...optional };
  const subscriber = record(wanted, { requiredKeys: ["priority", "forward", "filter"] });
  const accepted = record(
    { ...wanted, groupOrder: order },
    { requiredKeys: ["priority", "forward", "filter", "groupOrder"] },
  );
  const start = fc.tuple(location, fc.option(counted, { nil: undefined }));
  const range: fc.Arbitrary<LocationFilter> = start.map(([from, end]) => ({
    kind: "absolute",
    start: from,
    ...(end === undefined ? {} : { end: { group: end } }),
  }));
  const changed = record({ ...wanted, filter: range }, { requiredKeys: ["priority", "forward", "filter"] }).map(
    ({ groupOrder: _order, ...rest }) => rest,
  );
  const fetched = record({ priority: byte, groupOrder: order, tokens }, { requiredKeys: ["priority"] });
  const published = record({ forward: fc.boolean(), largest: location, tokens }, { requiredKeys: ["forward"] });
  const positive = number.map((value) => Math.max(1, value));
  const found = record({ expires: positive, largest: location, tokens }, { requiredKeys: [] });
  const tokensOnly = record({ tokens }, { requiredKeys: [] });
  const named14 = <K extends "subscribe" | "trackStatus">(value: K) =>
    fc
      .tuple(record({ ...kind(value), ...id, parameters: subscriber }), named)
      .map(([rest, names]) => ({ ...rest, ...names }));
  const publish = record({ ...kind("publish"), ...id, alias: number, parameters: published, properties: ofTrack });
  const ok = <K extends RequestKind>(request: K) => ({ ...kind("requestOk"), ...id, request: fc.constant(request) });
  const plain = { parameters: fc.constant({}), properties: NONE };
  return [
    named14("subscribe"),
    named14("trackStatus"),
    record({ ...kind("subscribeOk"), ...id, alias: number, parameters: found, properties: ofTrack }),
    fc.tuple(publish, named).map(([rest, names]) => ({ ...rest, ...names })),
    fetches(fetched),
    record({
      ...kind("fetchOk"),
      ...id,
      endOfTrack: fc.boolean(),
      end: rangeEnd,
      parameters: tokensOnly,
      properties: ofTrack,
    }),
    record({ ...kind("requestUpdate"), ...id, of: number, parameters: changed }),
    record({ ...ok("publish"), parameters: accepted, properties: NONE }),
    record({ ...ok("trackStatus"), parameters: found, properties: ofTrack }),
    record({ ...ok("publishNamespace"), ...plain }),
    record({ ...ok("subscribeNamespace"), ...plain }),
    record({
      ...kind("requestError"),
      ...id,
      request: fc.constantFrom<RequestKind[]>(
        "subscribe",
        "trackStatus",
        "fetch",
        "publish",
        "publishNamespace",
        "subscribeNamespace",
      ),
      code: number,
      reason: text(1024),
    }),
    record({ ...kind("publishNamespace"), ...id, namespace: withEmpty, parameters: tokensOnly }),
    record({
      ...kind("subscribeNamespace"),
      ...id,
      namespace: withEmpty,
      parameters: tokensOnly,
      tracks: fc.constant(true as const),
    }),
    record({ ...kind("unsubscribeNamespace"), namespace: withEmpty }),
    record({ ...kind("publishNamespaceDone"), namespace: withEmpty }),
    record({ ...kind("publishNamespaceCancel"), namespace: withEmpty, code: number, reason: text(1024) }),
  ];
}

/** Fields may be empty in draft 14. */
const withEmpty = fc.array(bytes(12), { minLength: 1, maxLength: 32 });

/** The properties that draft 14 has, of which the order is always there. */
const ofTrack = record<
  { groupOrder: GroupOrder; objectDeliveryTimeout: number; maxCacheDuration: number },
  "groupOrder"
>({ groupOrder: order, objectDeliveryTimeout: number, maxCacheDuration: number }, { requiredKeys: ["groupOrder"] }).map(
  (all) => encodeTrackProperties(all),
);

function namespaceStream(caps: Capabilities): fc.Arbitrary<Conversation> {
  const fields = { ...id, namespace, parameters: parameters("subscribeTracks", caps) };
  const request = fc.oneof<fc.Arbitrary<Message>[]>(
    record({ ...kind("subscribeTracks"), ...fields }),
    record({ ...kind("subscribeNamespace"), ...fields }),
    record({ ...kind("subscribeNamespace"), ...fields, tracks: fc.constant(true as const) }),
  );
  return fc.tuple(side, request).map(([from, message]) => ({ place: "requests", from, messages: [message] }));
}

function namespaceAnswers(caps: Capabilities): fc.Arbitrary<Conversation> {
  const ok = record({
    ...kind("requestOk"),
    ...id,
    parameters: parameters("subscribeNamespaceOk", caps),
    properties: NONE,
  });
  const suffix = record({ kind: fc.constantFrom("namespace" as const, "namespaceDone" as const), suffix: namespace });
  const first = fc.oneof<fc.Arbitrary<Message>[]>(ok, refusal());
  return fc
    .tuple(side, first, fc.array(suffix, { maxLength: 4 }))
    .map(([from, one, more]) => ({ place: "answers", from, request: "subscribeNamespace", messages: [one, ...more] }));
}
