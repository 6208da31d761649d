import { ALL_GROUPS, type SubscribeOptions, type TrackInfo } from "../../model/index.ts";
import { type LocationFilter, type Parameters, readTrackProperties } from "../../wire/ietf/index.ts";
import { objectFilterOf } from "./range-filters.ts";
import { DEFAULT_PRIORITY, turnedRound } from "./track-info.ts";

type Range = Pick<SubscribeOptions, "start" | "startObject" | "join" | "end" | "endObject">;

type TimeoutName = "objectTimeout" | "subgroupTimeout";
type Timeouts = Pick<Parameters, "objectDeliveryTimeout" | "subgroupDeliveryTimeout">;
type TrackWishes = Pick<TrackInfo, "ordered" | "properties">;

/**
 * What the parameters of a SUBSCRIBE, a PUBLISH_OK or their updates ask for, as the model has it. `info`: of the track, once it is known; its
 * publisher has a say in the order and in the time-outs.
 */
export function optionsOf(parameters: Parameters, info: TrackWishes | undefined): SubscribeOptions {
  const { priority = DEFAULT_PRIORITY, groupOrder, filter, forward = true } = parameters;
  const objects = objectFilterOf(parameters.rangeFilters);
  return {
    priority: turnedRound(priority),
    // Without a wish of the subscriber the publisher's order counts, and that is ascending by default.
    ordered: groupOrder === undefined ? (info?.ordered ?? true) : groupOrder === "ascending",
    maxLatency: ALL_GROUPS,
    ...timeoutsOf(parameters, info),
    ...rangeOf(filter),
    ...(objects === undefined ? {} : { filter: objects }),
    ...(forward ? {} : { forward }),
  };
}

/** A message's wish for a new group (NEW_GROUP_REQUEST), which is no state of the subscription. */
export function groupWish({ newGroupRequest }: Parameters): Pick<SubscribeOptions, "newGroup"> {
  return newGroupRequest === undefined ? {} : { newGroup: newGroupRequest };
}

/** What the model wants of a publisher, as parameters of SUBSCRIBE. Objects are always wanted: a paused viewer may go on at any time. */
export function parametersOf(options: SubscribeOptions): Parameters {
  const { priority, ordered } = options;
  return {
    priority: turnedRound(priority),
    groupOrder: ordered ? "ascending" : "descending",
    ...rangeUpdateOf(options),
    ...(options.newGroup === undefined ? {} : { newGroupRequest: options.newGroup }),
  };
}

/** The range alone, for an update. */
export function rangeUpdateOf(options: SubscribeOptions): Parameters {
  const filter = filterOf(options);
  return filter === undefined ? {} : { filter };
}

/** Both give objects the same time. */
export function sameTimeouts(a: SubscribeOptions, b: SubscribeOptions): boolean {
  return a.objectTimeout === b.objectTimeout && a.subgroupTimeout === b.subgroupTimeout;
}

/** Both ask for the same part of the track. */
export function sameRange(a: SubscribeOptions | undefined, b: SubscribeOptions): boolean {
  return (
    a !== undefined &&
    a.start === b.start &&
    a.startObject === b.startObject &&
    a.end === b.end &&
    a.endObject === b.endObject
  );
}

/** Of each of the two delivery time-outs the smaller one of the subscriber and the publisher, in milliseconds. 0 is none. */
function timeoutsOf(subscriber: Timeouts, info: TrackWishes | undefined): Pick<SubscribeOptions, TimeoutName> {
  const publisher = readTrackProperties(info?.properties ?? NONE);
  const object = smaller(subscriber.objectDeliveryTimeout, publisher.objectDeliveryTimeout);
  const subgroup = smaller(subscriber.subgroupDeliveryTimeout, publisher.subgroupDeliveryTimeout);
  return {
    ...(object === ALL_GROUPS ? {} : { objectTimeout: object }),
    ...(subgroup === ALL_GROUPS ? {} : { subgroupTimeout: subgroup }),
  };
}

function smaller(a: number | undefined, b: number | undefined): number {
  return Math.min(a || ALL_GROUPS, b || ALL_GROUPS, ALL_GROUPS);
}

/** Without a filter, or with one that begins with the first object, a viewer gets the newest group from its start. */
function rangeOf(filter: LocationFilter | undefined): Range {
  if (filter === undefined) return { join: "newest_group" };
  switch (filter.kind) {
    case "none":
      return { join: "newest_group" };
    case "next_object":
      return { join: "next_object" };
    case "relative":
      return { join: filter.groups === 0 ? "next_group" : "newest_group" };
    case "absolute": {
      const { start, end } = filter;
      const first = start.group === 0 && start.object === 0;
      return {
        ...(first ? { join: "newest_group" as const } : { start: start.group, startObject: start.object }),
        ...(end === undefined ? {} : { end: end.group }),
        ...(end?.object === undefined ? {} : { endObject: end.object }),
      };
    }
  }
}

function filterOf({ start, startObject = 0, join, end }: SubscribeOptions): LocationFilter | undefined {
  if (start !== undefined || end !== undefined) {
    const from = { group: start ?? 0, object: start === undefined ? 0 : startObject };
    return { kind: "absolute", start: from, ...(end === undefined ? {} : { end: { group: end } }) };
  }
  switch (join) {
    case "next_object":
      return { kind: "next_object" };
    case "next_group":
      return { kind: "relative", groups: 0 };
    default:
      return undefined;
  }
}

const NONE = new Uint8Array(0);
