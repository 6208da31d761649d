/** Orders of the bench to its load processes, and their answers. Times are microseconds of `sharedMicros`. */
import * as z from "zod";

/** How a relay is trusted. */
export const trust = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("system") }),
  z.object({ kind: z.literal("insecure") }),
  /** SHA-256 in hex. */
  z.object({ kind: z.literal("hash"), sha256: z.string() }),
]);
export type TrustSpec = z.infer<typeof trust>;

const target = {
  /** Engine to dial with. */
  engine: z.string(),
  url: z.string(),
  trust,
  /** Preferred first. */
  protocols: z.array(z.string()),
  /** Milliseconds within which a connection must open. */
  timeoutMs: z.number(),
};

/** A track by its name, and the priority that it is sent or asked for with. */
const asked = { track: z.string(), priority: z.number() };

const start = z.discriminatedUnion("role", [
  z.object({
    kind: z.literal("start"),
    role: z.literal("publisher"),
    ...target,
    /** Paths. */
    broadcasts: z.array(z.string()),
    /** Of each broadcast. */
    tracks: z.array(
      z.object({
        ...asked,
        framesPerSecond: z.number(),
        frameBytes: z.number(),
        framesPerGroup: z.number(),
      }),
    ),
    /** Broadcasts that share a session. */
    broadcastsPerSession: z.number(),
  }),
  z.object({
    kind: z.literal("start"),
    role: z.literal("audience"),
    ...target,
    /** The broadcast that each viewer watches. */
    watches: z.array(z.string()),
    /** What each viewer watches of it. */
    tracks: z.array(z.object(asked)),
    /** Most frames of one track in a window. */
    windowFrames: z.number(),
  }),
]);
export type PublisherStart = Extract<z.infer<typeof start>, { role: "publisher" }>;
export type AudienceStart = Extract<z.infer<typeof start>, { role: "audience" }>;

/** Resets the counts and counts frames that are sent from `fromUs` on and before `toUs`. */
const window = z.object({
  kind: z.literal("window"),
  fromUs: z.number(),
  toUs: z.number(),
  /** When an outage of the path ends. */
  lightUs: z.number().optional(),
});
export type Window = z.infer<typeof window>;

const order = z.union([start, window, z.object({ kind: z.literal("report") })]);
export type Order = z.infer<typeof order>;

/** Sessions that ended, by reason. */
const lostSessions = z.record(z.string(), z.number());

const publisherReport = z.object({
  kind: z.literal("publisherReport"),
  /** Frames due within the window, by track and broadcast. All were sent except skipped ones. */
  due: z.array(z.array(z.number())),
  /** Frames that could not be sent: the relay allowed no stream or no more bytes, or had left. */
  skipped: z.number(),
  lostSessions,
});
export type PublisherReport = z.infer<typeof publisherReport>;

const trackReport = z.object({
  /** Different frames that were sent within the window and arrived, by viewer. */
  received: z.array(z.number()),
  duplicates: z.number(),
  /** Frames, and their payload bytes, that arrived within the window. */
  arrivedFrames: z.number(),
  arrivedBytes: z.number(),
  /** Latencies of frames that were sent within the window. */
  latencyUs: z.object({ max: z.number(), counts: z.array(z.number()).readonly() }),
  /** Of viewers that received a frame after `lightUs`. */
  recoveries: z.array(
    z.object({
      /** Microseconds from then to the first frame. */
      firstUs: z.number(),
      /** Age of that frame. */
      firstAgeUs: z.number(),
      /** Microseconds to the first frame that was sent after `lightUs`; absent while there is none. */
      liveUs: z.number().optional(),
    }),
  ),
});
/** What an audience received of one track. */
export type TrackReport = z.infer<typeof trackReport>;

const audienceReport = z.object({
  kind: z.literal("audienceReport"),
  /** By track. */
  tracks: z.array(trackReport),
  lostSessions,
});
export type AudienceReport = z.infer<typeof audienceReport>;

const answer = z.discriminatedUnion("kind", [
  /** How many sessions are connected, or how many viewers have received a frame. */
  z.object({ kind: z.literal("progress"), done: z.number() }),
  /** All are ready; `protocol` is the negotiated one. */
  z.object({ kind: z.literal("ready"), engine: z.string(), protocol: z.string() }),
  publisherReport,
  audienceReport,
  z.object({ kind: z.literal("failed"), message: z.string() }),
]);
export type Answer = z.infer<typeof answer>;

/** Throws when the value is not an order. */
export function readOrder(message: unknown): Order {
  return order.parse(message);
}

/** Throws when the value is not an answer. */
export function readAnswer(message: unknown): Answer {
  return answer.parse(message);
}
