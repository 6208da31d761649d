import type { Join, SubscribeOptions } from "./contract.ts";
import { isBelow } from "./locations.ts";

/** How the numbers of a publisher map to the track's. */
export interface Numbering {
  /** Added to the publisher's numbers. While it is unknown, subscriptions ask for no range. */
  readonly offset: number | undefined;
}

/** What a subscription asks for, in the publisher's numbers. */
function asked({ options, ownNumbers }: Wanting, { offset }: Numbering): SubscribeOptions {
  if (ownNumbers || offset === 0) return options;
  const { start, startObject, end, endObject, ...rest } = options;
  if (offset === undefined) return rest;
  return {
    ...rest,
    ...(start !== undefined && { start: Math.max(0, start - offset) }),
    ...(start !== undefined && startObject !== undefined && { startObject: start < offset ? 0 : startObject }),
    ...(end !== undefined && { end: Math.max(0, end - offset) }),
    ...(end !== undefined && endObject !== undefined && { endObject }),
  };
}

export interface Wanting {
  readonly options: SubscribeOptions;
  readonly ownNumbers: boolean;
}

/** An end that is a location; `object` infinite: the whole group. */
interface Edge {
  readonly group: number;
  readonly object: number;
}

/** Where a subscription begins, once that cannot change any more. */
export type Start = Required<Pick<SubscribeOptions, "start">> & Pick<SubscribeOptions, "startObject">;

/** From the one that begins first to the one that begins last. */
const JOINS: readonly Join[] = ["newest_group", "next_object", "next_group"];

/** The widest of the ranges that subscriptions ask for. */
class WidestRange {
  #start: Edge | undefined;
  /** A subscription names no start. */
  #joins: Join | undefined;
  #end: Edge | undefined;
  #endless = false;

  add({
    start,
    startObject = 0,
    join = "newest_group",
    end,
    endObject = Number.POSITIVE_INFINITY,
  }: SubscribeOptions): void {
    if (start === undefined) this.#joins = JOINS.find((one) => one === join || one === this.#joins);
    else if (this.#start === undefined || isBelow({ group: start, object: startObject }, this.#start)) {
      this.#start = { group: start, object: startObject };
    }
    if (end === undefined) this.#endless = true;
    else if (this.#end === undefined || isBelow(this.#end, { group: end, object: endObject })) {
      this.#end = { group: end, object: endObject };
    }
  }

  /** `from`: the start that it has whatever is asked for. */
  options(from: Start | undefined): Pick<SubscribeOptions, "start" | "startObject" | "join" | "end" | "endObject"> {
    const end = this.#endless ? undefined : this.#end;
    return {
      ...(from ?? this.#from()),
      ...(end !== undefined && { end: end.group }),
      ...(end !== undefined && Number.isFinite(end.object) && { endObject: end.object }),
    };
  }

  #from(): Pick<SubscribeOptions, "start" | "startObject" | "join"> {
    const start = this.#start;
    if (this.#joins === undefined && start !== undefined) {
      return { start: start.group, ...(start.object > 0 && { startObject: start.object }) };
    }
    // Where some subscriptions name a start, the newest group is what has most for them.
    return this.#joins === undefined || start !== undefined || this.#joins === "newest_group"
      ? {}
      : { join: this.#joins };
  }
}

/**
 * The options of one upstream subscription for many viewers: the highest priority, the longest latency, the widest range, ordered only when
 * all viewers ask for it, and paused only when all are. `start`, where it is given, is kept: once groups have come, a later viewer gets
 * earlier objects from the cache or by FETCH. All numbers are the publisher's, those of `start` included.
 */
export function mergeOptions(
  subscriptions: Iterable<Wanting>,
  start: Start | undefined,
  numbering: Numbering,
): SubscribeOptions | undefined {
  let merged: { priority: number; ordered: boolean; maxLatency: number } | undefined;
  let paused = true;
  const range = new WidestRange();
  for (const subscription of subscriptions) {
    const options = asked(subscription, numbering);
    const { priority, ordered, maxLatency } = options;
    merged ??= { priority, ordered, maxLatency };
    merged.priority = Math.max(merged.priority, priority);
    merged.ordered &&= ordered;
    merged.maxLatency = Math.max(merged.maxLatency, maxLatency);
    paused &&= options.forward === false;
    range.add(options);
  }
  return merged && { ...merged, ...range.options(start), ...(paused && { forward: false }) };
}

export function sameOptions(a: SubscribeOptions, b: SubscribeOptions): boolean {
  return (
    a.priority === b.priority &&
    a.ordered === b.ordered &&
    a.maxLatency === b.maxLatency &&
    a.start === b.start &&
    (a.startObject ?? 0) === (b.startObject ?? 0) &&
    a.join === b.join &&
    a.end === b.end &&
    a.endObject === b.endObject &&
    (a.forward !== false) === (b.forward !== false)
  );
}
