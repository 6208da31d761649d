import type { SubscribeOptions } from "./contract.ts";

/** How a publisher numbers groups, as far as it is known. */
export interface Numbering {
  /** Added to its numbers; nothing where it is unknown, and its groups are taken wherever they begin. */
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
 * What one upstream subscription asks for on behalf of many: the highest priority, the longest latency, the
 * widest range, and order only when everybody wants it. `start` stays as it was asked once groups
 * came: a later viewer's earlier groups come from the cache or by FETCH. All in the publisher's numbers, `start` included.
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
