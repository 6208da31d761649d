import type { TrackInfo } from "../../model/index.ts";
import {
  DEFAULT_TIMESCALE,
  encodeTrackProperties,
  readTrackProperties,
  type TrackProperties,
} from "../../wire/ietf/index.ts";

/** Highest number of a priority. Those of moq-transport come first when they are low, those of the model when they are high. */
const PRIORITIES = 255;

/** The priority of what names none. */
export const DEFAULT_PRIORITY = 128;

/** Milliseconds that a relay may keep a group whose publisher names no bound: as long as the relay's own bounds let it. */
const NO_CACHE_BOUND = 2 ** 31;

/** A priority of moq-transport in the model's numbers, and the other way round. */
export function turnedRound(priority: number): number {
  return PRIORITIES - priority;
}

/** What the properties of a track say, as the model has it. Nothing where one of them must be understood and is not. */
export function infoOf(bytes: Uint8Array): TrackInfo | undefined {
  const {
    priority = DEFAULT_PRIORITY,
    groupOrder,
    maxCacheDuration,
    timescale,
    unsupported,
  } = readTrackProperties(bytes);
  if (unsupported !== undefined) return undefined;
  return {
    priority: turnedRound(priority),
    ordered: groupOrder !== "descending",
    maxLatency: maxCacheDuration ?? NO_CACHE_BOUND,
    timescale: timescale ?? DEFAULT_TIMESCALE,
    properties: bytes,
  };
}

/** The properties of a track as its publisher wrote them; of a track from another protocol, what the model knows of it. */
export function propertiesOf(info: TrackInfo): Uint8Array {
  if (info.properties !== undefined) return info.properties;
  const properties: TrackProperties = {
    priority: turnedRound(info.priority),
    groupOrder: info.ordered ? "ascending" : "descending",
    maxCacheDuration: info.maxLatency,
    timescale: info.timescale,
  };
  return encodeTrackProperties(properties);
}
