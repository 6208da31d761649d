/** Ranges as the model has them, and as the messages have them. */
import { type FetchRange, LAST_OBJECT, type SubscribeOptions } from "../../model/index.ts";
import type { Request, SubscribeUpdate } from "../../wire/lite/index.ts";

type Fetch = Extract<Request, { kind: "fetch" }>;

/** A subscription as SUBSCRIBE and SUBSCRIBE_UPDATE have it. */
export function toWire({ startObject, endObject, ...options }: SubscribeOptions): SubscribeUpdate {
  return {
    ...options,
    ...(startObject === undefined ? {} : { startFrame: startObject }),
    ...(endObject === undefined ? {} : { endFrame: endObject }),
  };
}

/** A subscription as the model has it. */
export function fromWire({ startFrame, endFrame, ...update }: SubscribeUpdate): SubscribeOptions {
  return {
    ...update,
    // Without a group the first one is meant.
    ...(startFrame === undefined ? {} : { start: update.start ?? 0, startObject: startFrame }),
    ...(endFrame === undefined ? {} : { endObject: endFrame }),
  };
}

/** The range of a FETCH. */
export function rangeToWire(
  range: FetchRange,
): Pick<Fetch, "group" | "endGroup" | "startFrame" | "endFrame" | "descending"> {
  const { start, end, descending = false } = range;
  return {
    group: start.group,
    ...(start.object === 0 ? {} : { startFrame: start.object }),
    ...(end.group === start.group ? {} : { endGroup: end.group }),
    ...(end.object === LAST_OBJECT ? {} : { endFrame: end.object }),
    ...(descending ? { descending } : {}),
  };
}

/** The range that a FETCH asks for. */
export function rangeFromWire(fetch: Fetch): FetchRange {
  const { group, endGroup = group, startFrame = 0, endFrame = LAST_OBJECT, descending = false } = fetch;
  return {
    start: { group, object: startFrame },
    end: { group: endGroup, object: endFrame },
    ...(descending ? { descending } : {}),
  };
}
