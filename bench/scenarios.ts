import { PRIORITY } from "./load/published-track.ts";

/** A track of each broadcast. Sizes are payload bytes of a frame. */
export interface ScenarioTrack {
  readonly track: string;
  /** 0 to 255, higher first. */
  readonly priority: number;
  readonly framesPerSecond: number;
  /** At least {@link import("./load/stamp.ts").STAMP_BYTES}. */
  readonly frameBytes: number;
  readonly framesPerGroup: number;
}

/** The broadcasts and their viewers. */
export interface Scenario {
  readonly name: string;
  readonly summary: string;
  /** Of each broadcast; every viewer watches all of them. */
  readonly tracks: readonly ScenarioTrack[];
  /** True: each viewer watches its own broadcast. False: all watch the same one. */
  readonly broadcastEach: boolean;
  /** Default number of viewers. */
  readonly viewers: number;
  /**
   * Bytes of the relay's cache for each broadcast; the memory of each broadcast beyond them is a figure. The media of warm-up and window must
   * fill them. Absent: the relay's own bound.
   */
  readonly cacheBytes?: number;
}

const one = (framesPerSecond: number, frameBytes: number, framesPerGroup: number): ScenarioTrack[] => [
  { track: "data", priority: PRIORITY, framesPerSecond, frameBytes, framesPerGroup },
];

const ALL: readonly Scenario[] = [
  {
    name: "video",
    summary: "one broadcast, 30 fps of 41 kB, a group per second",
    tracks: one(30, 41_000, 30),
    broadcastEach: false,
    viewers: 64,
  },
  {
    name: "small",
    summary: "one broadcast, 30 fps of 1200 B, a group per second",
    tracks: one(30, 1_200, 30),
    broadcastEach: false,
    viewers: 100,
  },
  {
    name: "chat",
    summary: "one broadcast, 10 fps of 200 B, a group per frame",
    tracks: one(10, 200, 1),
    broadcastEach: false,
    viewers: 64,
  },
  {
    name: "many",
    summary: "a broadcast for each viewer, 30 fps of 1200 B, a group per second",
    tracks: one(30, 1_200, 30),
    broadcastEach: true,
    viewers: 200,
  },
  {
    name: "channels",
    summary: "a broadcast for each viewer, 30 fps of 41 kB, a group per second, a cache of 4 MiB each",
    tracks: one(30, 41_000, 30),
    broadcastEach: true,
    viewers: 16,
    cacheBytes: 4 * 1024 * 1024,
  },
  {
    name: "av",
    summary: "one broadcast: video of 4 Mbit/s, a group per second, and audio of 64 kbit/s, a group per frame",
    // Priorities and groups as @moq/hang has them, which @moq/publish uses.
    tracks: [
      { track: "video", priority: 60, framesPerSecond: 30, frameBytes: 16_667, framesPerGroup: 30 },
      { track: "audio", priority: 80, framesPerSecond: 50, frameBytes: 160, framesPerGroup: 1 },
    ],
    broadcastEach: false,
    viewers: 16,
  },
];

/** By name. */
export const SCENARIOS: ReadonlyMap<string, Scenario> = new Map(ALL.map((scenario) => [scenario.name, scenario]));
