/** What the bench says to its load processes and what they answer. Times are microseconds of `sharedMicros`. */
import { z } from "zod";

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
  /** Best first. */
  protocols: z.array(z.string()),
  /** Milliseconds until connecting fails. */
  timeoutMs: z.number(),
};

const start = z.discriminatedUnion("role", [
  z.object({
    kind: z.literal("start"),
    role: z.literal("publisher"),
    ...target,
    /** Paths. */
    broadcasts: z.array(z.string()),
    track: z.string(),
    /** Broadcasts that share a session. */
    broadcastsPerSession: z.number(),
    framesPerSecond: z.number(),
    frameBytes: z.number(),
    framesPerGroup: z.number(),
  }),
  z.object({
    kind: z.literal("start"),
    role: z.literal("audience"),
    ...target,
    /** The broadcast that each viewer watches. */
    watches: z.array(z.string()),
    track: z.string(),
    /** Frames of one broadcast that one window may hold. */
    windowFrames: z.number(),
  }),
]);
export type PublisherStart = Extract<z.infer<typeof start>, { role: "publisher" }>;
export type AudienceStart = Extract<z.infer<typeof start>, { role: "audience" }>;

/** Forgets what was counted and counts what is sent from `fromUs` on and before `toUs`. */
const window = z.object({ kind: z.literal("window"), fromUs: z.number(), toUs: z.number() });
export type Window = z.infer<typeof window>;

const order = z.union([start, window, z.object({ kind: z.literal("report") })]);
export type Order = z.infer<typeof order>;

/** Sessions that ended, by what was said about it. */
const lostSessions = z.record(z.string(), z.number());

const publisherReport = z.object({
  kind: z.literal("publisherReport"),
  /** Frames due within the window, by broadcast; all of them were sent but those skipped. */
  due: z.array(z.number()),
  /** Those that could not be sent: the relay took no stream or no more bytes, or had left. */
  skipped: z.number(),
  lostSessions,
});
export type PublisherReport = z.infer<typeof publisherReport>;

const audienceReport = z.object({
  kind: z.literal("audienceReport"),
  /** Different frames that were sent within the window and arrived, by viewer. */
  received: z.array(z.number()),
  duplicates: z.number(),
  /** Frames, and their payload bytes, that arrived within the window. */
  arrivedFrames: z.number(),
  arrivedBytes: z.number(),
  /** Of frames sent within the window. */
  latencyUs: z.object({ max: z.number(), counts: z.array(z.number()).readonly() }),
  lostSessions,
});
export type AudienceReport = z.infer<typeof audienceReport>;

const answer = z.discriminatedUnion("kind", [
  /** How many of the sessions are connected, or of the viewers have got a frame. */
  z.object({ kind: z.literal("progress"), done: z.number() }),
  /** All are; `protocol` was agreed on. */
  z.object({ kind: z.literal("ready"), engine: z.string(), protocol: z.string() }),
  publisherReport,
  audienceReport,
  z.object({ kind: z.literal("failed"), message: z.string() }),
]);
export type Answer = z.infer<typeof answer>;

/** Throws when it is no order. */
export function readOrder(message: unknown): Order {
  return order.parse(message);
}

/** Throws when it is no answer. */
export function readAnswer(message: unknown): Answer {
  return answer.parse(message);
}
