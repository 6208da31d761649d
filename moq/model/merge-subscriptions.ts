import type { SubscribeOptions } from "./contract.ts";

/** How the numbers of a publisher map to the track's. */
export interface Numbering {
  /** Added to the publisher's numbers. While it is unknown, subscriptions ask for no range. */
  readonly offset: number | undefined;
}

/** What a subscription asks for, in the publisher's numbers. */
function asked({ options, ownNumbers }: Wanting, { offset }: Numbering): SubscribeOptions {
  if (ownNumbers || offset === 0) return options;
  const { start, end, ...rest } = options;
  if (offset === undefined) return rest;
  return {
    ...rest,
    ...(start === undefined ? {} : { start: Math.max(0, start - offset) }),
    ...(end === undefined ? {} : { end: Math.max(0, end - offset) }),
  };
}

export interface Wanting {
  readonly options: SubscribeOptions;
  readonly ownNumbers: boolean;
}

/**
 * The options of one upstream subscription for many viewers: the highest priority, the longest latency, the widest range, and
 * ordered only when all viewers ask for it. `start`, where it is given, is kept: once groups have come, a later viewer gets earlier
 * ones from the cache or by FETCH. All numbers are the publisher's, `start` included.
 */
export function mergeOptions(
  subscriptions: Iterable<Wanting>,
  start: number | undefined,
  numbering: Numbering,
): SubscribeOptions | undefined {
  let merged: { priority: number; ordered: boolean; maxLatency: number } | undefined;
  let end: number | undefined = -1;
  let from: number | undefined = Number.POSITIVE_INFINITY;
  for (const subscription of subscriptions) {
    const options = asked(subscription, numbering);
    if (merged === undefined) {
      merged = {
        priority: options.priority,
        ordered: options.ordered,
        maxLatency: options.maxLatency,
      };
    } else {
      merged.priority = Math.max(merged.priority, options.priority);
      merged.ordered &&= options.ordered;
      merged.maxLatency = Math.max(merged.maxLatency, options.maxLatency);
    }
    from = from === undefined || options.start === undefined ? undefined : Math.min(from, options.start);
    end = end === undefined || options.end === undefined ? undefined : Math.max(end, options.end);
  }
  if (merged === undefined) return undefined;
  from = start ?? from;
  return {
    ...merged,
    ...(from === undefined ? {} : { start: from }),
    ...(end === undefined ? {} : { end }),
  };
}

export function sameOptions(a: SubscribeOptions, b: SubscribeOptions): boolean {
  return (
    a.priority === b.priority &&
    a.ordered === b.ordered &&
    a.maxLatency === b.maxLatency &&
    a.start === b.start &&
    a.end === b.end
  );
}
