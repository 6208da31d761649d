/** Ranges as the model has them, and as the messages have them. */
import type { SubscribeOptions } from "../../model/index.ts";
import type { SubscribeUpdate } from "../../wire/lite/index.ts";

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
