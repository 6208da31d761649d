import type { SubscribeOptions } from "./contract.ts";

/**
 * What one upstream subscription asks for on behalf of many: the highest priority, the longest latency, the
 * widest range, and order only when everybody wants it. `start` stays as first asked: a later viewer's earlier
 * groups come from the cache or by FETCH.
 */
export function mergeOptions(
  subscriptions: Iterable<{ readonly options: SubscribeOptions }>,
  start: number | undefined,
): SubscribeOptions | undefined {
  let merged: { priority: number; ordered: boolean; maxLatency: number } | undefined;
  let end: number | undefined = -1;
  let from = start;
  for (const { options } of subscriptions) {
    if (merged === undefined) {
      merged = {
        priority: options.priority,
        ordered: options.ordered,
        maxLatency: options.maxLatency,
      };
      from ??= options.start;
    } else {
      merged.priority = Math.max(merged.priority, options.priority);
      merged.ordered &&= options.ordered;
      merged.maxLatency = Math.max(merged.maxLatency, options.maxLatency);
    }
    end = end === undefined || options.end === undefined ? undefined : Math.max(end, options.end);
  }
  if (merged === undefined) return undefined;
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
