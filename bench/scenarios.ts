/** Scenarios: the broadcasts and their viewers. Sizes are payload bytes of a frame. */
export interface Scenario {
  readonly name: string;
  readonly summary: string;
  readonly framesPerSecond: number;
  /** At least {@link import("./load/stamp.ts").STAMP_BYTES}. */
  readonly frameBytes: number;
  readonly framesPerGroup: number;
  /** True: each viewer watches its own broadcast. False: all watch the same one. */
  readonly broadcastEach: boolean;
  /** Default number of viewers. */
  readonly viewers: number;
}

const ALL: readonly Scenario[] = [
  {
    name: "video",
    summary: "one broadcast, 30 fps of 41 kB, a group per second",
    framesPerSecond: 30,
    frameBytes: 41_000,
    framesPerGroup: 30,
    broadcastEach: false,
    viewers: 64,
  },
  {
    name: "small",
    summary: "one broadcast, 30 fps of 1200 B, a group per second",
    framesPerSecond: 30,
    frameBytes: 1_200,
    framesPerGroup: 30,
    broadcastEach: false,
    viewers: 100,
  },
  {
    name: "chat",
    summary: "one broadcast, 10 fps of 200 B, a group per frame",
    framesPerSecond: 10,
    frameBytes: 200,
    framesPerGroup: 1,
    broadcastEach: false,
    viewers: 64,
  },
  {
    name: "many",
    summary: "a broadcast for each viewer, 30 fps of 1200 B, a group per second",
    framesPerSecond: 30,
    frameBytes: 1_200,
    framesPerGroup: 30,
    broadcastEach: true,
    viewers: 200,
  },
];

/** By name. */
export const SCENARIOS: ReadonlyMap<string, Scenario> = new Map(ALL.map((scenario) => [scenario.name, scenario]));
