/** Any message that a version can carry, as fast-check arbitraries. Fields that it does not carry are their defaults. */
import fc from "fast-check";
import type { AnnounceResponse, Oversized } from "../../../moq/wire/lite/announce.ts";
import type { Probe } from "../../../moq/wire/lite/probe.ts";
import type { OpeningRequest } from "../../../moq/wire/lite/requests.ts";
import type { Setup } from "../../../moq/wire/lite/setup.ts";
import type { SubscribeResponse, SubscribeUpdate } from "../../../moq/wire/lite/subscribe.ts";
import type { TrackInfo } from "../../../moq/wire/lite/track.ts";
import type { Capabilities } from "../../../moq/wire/lite/versions.ts";

const number = fc.oneof(fc.nat(70), fc.nat(), fc.maxSafeNat());
/** A number that is sent plus one. */
const sequence = fc.oneof(
  fc.nat(70),
  fc.maxSafeNat().map((value) => Math.max(0, value - 1)),
);
const positive = number.map((value) => Math.max(1, value));
const big = fc.oneof(fc.bigInt(0n, 70n), fc.bigInt(0n, 2n ** 62n - 1n));
const byte = fc.nat(255);
/** No byte order marks: we keep them, and @moq/net drops them. */
const text = (maxBytes: number) =>
  fc
    .string({ unit: "grapheme", maxLength: 40 })
    .filter((value) => Buffer.byteLength(value) <= maxBytes && !value.includes("\ufeff"));
const segment = text(24).filter((value) => value !== "" && !value.includes("/"));
const path = fc.array(segment, { maxLength: 32 }).map((segments) => segments.join("/"));
const track = text(256);

/** Objects with these fields and the prototype that readers give them. */
function record<T, K extends keyof T = keyof T>(
  model: { [Field in keyof T]: fc.Arbitrary<T[Field]> },
  constraints: { requiredKeys?: K[] } = {},
) {
  return fc.record<T, K>(model, { ...constraints, noNullPrototype: true });
}

/** `arbitrary` where the version has the field, else its default. */
function where<T>(has: boolean, arbitrary: fc.Arbitrary<T>, otherwise: T): fc.Arbitrary<T> {
  return has ? arbitrary : fc.constant(otherwise);
}

const epoch = (caps: Capabilities) => where(caps.epochs, big, 0n);

function options(caps: Capabilities): fc.Arbitrary<SubscribeUpdate> {
  const required = { priority: byte, ordered: where(caps.groupOrder, fc.boolean(), false), maxLatency: number };
  // A floor of 0 is read as none.
  const start = caps.groupFloor ? positive : sequence;
  return record({ ...required, start, end: sequence }, { requiredKeys: ["priority", "ordered", "maxLatency"] });
}

function update(caps: Capabilities): fc.Arbitrary<SubscribeUpdate> {
  if (!caps.objects) return ranged(caps);
  const more = record<Pick<SubscribeUpdate, "join" | "forward" | "newGroup">>(
    { join: fc.constantFrom("next_object", "next_group"), forward: fc.constant(false), newGroup: number },
    { requiredKeys: [] },
  );
  return fc.tuple(ranged(caps), more).map(([one, other]) => ({ ...one, ...other }));
}

function ranged(caps: Capabilities): fc.Arbitrary<SubscribeUpdate> {
  if (!caps.frameRanges) return options(caps);
  const ends = record({ startFrame: positive, endFrame: sequence }, { requiredKeys: [] });
  return fc.tuple(options(caps), ends).map(([one, { endFrame, ...start }]) => ({
    ...one,
    ...start,
    ...(endFrame === undefined || one.end === undefined ? {} : { endFrame }),
  }));
}

/** The request that opens a bidirectional stream, and the updates that may follow. */
export function requests(caps: Capabilities): fc.Arbitrary<{ first: OpeningRequest; updates: SubscribeUpdate[] }> {
  const alone = (first: fc.Arbitrary<OpeningRequest>) => first.map((request) => ({ first: request, updates: [] }));
  const announce = record({
    kind: fc.constant("announce" as const),
    prefix: path,
    excludeHop: where(caps.excludeHop, big, 0n),
    ended: where(caps.ended, fc.boolean(), false),
  });
  const subscribe = fc
    .tuple(record({ id: number, path, track, epoch: epoch(caps) }), update(caps))
    .map(([names, fields]) => ({ kind: "subscribe" as const, ...names, ...fields }));
  const fetch = fetches(caps);
  const probe = probes(caps).map((fields) => ({ kind: "probe" as const, ...fields }));
  const goaway = record({ kind: fc.constant("goaway" as const), uri: text(8192) });
  const info = record({ kind: fc.constant("track" as const), path, track, epoch: epoch(caps) });
  const pushed = record({ kind: fc.constant("pushed" as const), prefix: path, elsewhere: fc.boolean() });
  return fc.oneof(
    alone(announce),
    record({ first: subscribe, updates: fc.array(update(caps), { maxLength: 4 }) }),
    alone(fetch),
    alone(probe),
    ...(caps.goaway ? [alone(goaway)] : []),
    ...(caps.trackStream ? [alone(info)] : []),
    ...(caps.pushedTracks ? [alone(pushed)] : []),
  );
}

function fetches(caps: Capabilities): fc.Arbitrary<OpeningRequest> {
  const whole = record({
    kind: fc.constant("fetch" as const),
    path,
    track,
    epoch: epoch(caps),
    priority: byte,
    group: number,
  });
  if (!caps.frameRanges) return whole;
  const frames = fc.tuple(fc.nat(1000), fc.nat(1000)).map(([start, length]) => ({
    ...(start === 0 ? {} : { startFrame: start }),
    ...(length === 0 ? {} : { endFrame: start + length }),
  }));
  const groups = fc.tuple(fc.nat(9), fc.boolean()).map(([count, descending]) => ({ count, descending }));
  return fc.tuple(whole, frames, groups).map(([names, range, { count, descending }]) => ({
    ...names,
    ...range,
    ...(caps.objects && count > 0 && names.group <= Number.MAX_SAFE_INTEGER - 9
      ? { endGroup: names.group + count }
      : {}),
    ...(caps.objects && descending ? { descending } : {}),
  }));
}

type Sent = Exclude<AnnounceResponse, Oversized>;

/** What the publisher sends on an Announce Stream, from its first message on. */
export function announceStream(caps: Capabilities): fc.Arbitrary<Sent[]> {
  const hop = caps.hopIds ? big : fc.constant(0n);
  const fields = {
    hops: caps.strictAnnounce ? fc.uniqueArray(hop, { maxLength: 32 }) : fc.array(hop, { maxLength: 32 }),
    epoch: epoch(caps),
    ended: where(caps.ended, fc.boolean(), false),
    cost: where(caps.routeCost, number, 0),
    ...(caps.coldCost ? { coldCost: number } : {}),
  };
  const start = record({ kind: fc.constant("start" as const), suffix: path, ...fields });
  const end = caps.announceIds
    ? record({ kind: fc.constant("end" as const), id: number })
    : record({ kind: fc.constant("end" as const), suffix: path });
  const change = record({ kind: fc.constant("update" as const), id: number, ...fields });
  const announcements = fc.array(fc.oneof<fc.Arbitrary<Sent>[]>(start, end, ...(caps.announceIds ? [change] : [])), {
    maxLength: 8,
  });
  if (!caps.announceOk) return announcements;
  const ok = record({ kind: fc.constant("ok" as const), hop: big, active: number });
  return fc.tuple(ok, announcements).map(([first, rest]) => [first, ...rest]);
}

/** What the publisher sends on a Subscribe Stream. */
export function subscribeStream(caps: Capabilities): fc.Arbitrary<SubscribeResponse[]> {
  const group = caps.streamCounts
    ? fc.oneof<fc.Arbitrary<SubscribeResponse>[]>(
        record({ kind: fc.constant("start" as const), group: number }),
        record({ kind: fc.constant("end" as const), group: number, streams: number }),
      )
    : record({ kind: fc.constantFrom("start" as const, "end" as const), group: number });
  const ok = options(caps).map((fields) => ({ kind: "ok" as const, ...fields }));
  const drop = fc
    .record({ a: number, b: number, code: number })
    .map(({ a, b, code }) => ({ kind: "drop" as const, start: Math.min(a, b), end: Math.max(a, b), code }));
  const other: fc.Arbitrary<SubscribeResponse> = caps.subscribeOk === "properties" ? ok : group;
  if (caps.streamCounts) return fc.array(other, { maxLength: 8 });
  if (!caps.objects) return fc.array(fc.oneof(other, drop), { maxLength: 8 });
  const largest = fc.option(record({ group: sequence, object: number }), { nil: undefined });
  const info = record({ kind: fc.constant("info" as const), info: trackInfos(caps), largest });
  return fc.array(fc.oneof<fc.Arbitrary<SubscribeResponse>[]>(other, drop, info), { maxLength: 8 });
}

export function trackInfos(caps: Capabilities): fc.Arbitrary<TrackInfo> {
  const info = record({
    epoch: epoch(caps),
    priority: byte,
    ordered: where(caps.groupOrder, fc.boolean(), false),
    maxLatency: number,
    timescale: number.map((value) => Math.max(1, value)),
  });
  if (!caps.objects) return info;
  const more = record({ properties: fc.uint8Array({ maxLength: 20 }) }, { requiredKeys: [] });
  return fc.tuple(info, more).map(([one, properties]) => ({ ...one, ...properties }));
}

export function probes(caps: Capabilities): fc.Arbitrary<Probe> {
  return record({ bitrate: number, rtt: where(caps.probeRtt, number, 0) });
}

export function setups(): fc.Arbitrary<Setup> {
  return record(
    {
      probe: fc.constantFrom(0 as const, 1 as const, 2 as const),
      role: fc.constantFrom("both" as const, "publisher" as const, "subscriber" as const),
      path: text(8192).filter((value) => value !== ""),
      cost: number,
      origin: big.map((value) => (value === 0n ? 1n : value)),
    },
    { requiredKeys: ["probe", "role"] },
  );
}

/** Sizes of the pieces in which a stream arrives. */
export const pieces: fc.Arbitrary<number[]> = fc.array(fc.oneof(fc.nat(4), fc.nat(100)), { maxLength: 8 });
