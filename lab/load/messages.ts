/** What the mesh says to its publishers and viewers, and what they answer. Times are microseconds of `sharedMicros`. */
import { z } from "zod";
import { trust } from "../../bench/load/messages.ts";

const common = {
  kind: z.literal("start"),
  /** Engine to dial with. */
  engine: z.string(),
  trust,
  /** Path of the broadcast, and its track. */
  path: z.string(),
  track: z.string(),
  framesPerGroup: z.number(),
};

const start = z.discriminatedUnion("role", [
  z.object({
    ...common,
    role: z.literal("publisher"),
    /** Relays that take it, tokens included. */
    origins: z.array(z.string()),
    /** To all of them at once, or to one and to the next when that one leaves. */
    everywhere: z.boolean(),
    framesPerSecond: z.number(),
    frameBytes: z.number(),
  }),
  z.object({
    ...common,
    role: z.literal("viewers"),
    /** Relays that serve viewers, tokens included. */
    edges: z.array(z.string()),
    /** For each viewer the number of the edge at which it begins. */
    viewers: z.array(z.number()),
  }),
]);
export type PublisherStart = Extract<z.infer<typeof start>, { role: "publisher" }>;
export type ViewersStart = Extract<z.infer<typeof start>, { role: "viewers" }>;

const order = z.union([
  start,
  /** Forget what was measured and begin anew. */
  z.object({ kind: z.literal("measure") }),
  /** Tell what was measured; `groups` should have come whole. */
  z.object({ kind: z.literal("report"), groups: z.array(z.number()) }),
]);
export type LoadOrder = z.infer<typeof order>;

/** A group that was published from its first frame to its last. */
const group = z.object({ kind: z.literal("group"), sequence: z.number(), fromUs: z.number(), toUs: z.number() });
export type PublishedGroup = z.infer<typeof group>;

const viewer = z.object({
  /** Number of the edge that it watches at. */
  edge: z.number(),
  /** Different frames that came since the measuring began. */
  frames: z.number(),
  /** Longest time between two of them, up to now, and when it began. */
  gapUs: z.number(),
  gapFromUs: z.number(),
  /** Sessions and subscriptions beyond the first, by what made them necessary. */
  moved: z.number(),
  reconnected: z.number(),
  resubscribed: z.number(),
  /** Of the groups that were asked about: those that are missing or not whole. */
  lost: z.array(z.number()),
});
export type ViewerReport = z.infer<typeof viewer>;

const answer = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("ready"), engine: z.string(), protocol: z.string() }),
  group,
  /** A second of all viewers together. */
  z.object({
    kind: z.literal("pulse"),
    edges: z.array(z.object({ viewers: z.number(), frames: z.number(), gapUs: z.number() })),
    moves: z.number(),
  }),
  z.object({ kind: z.literal("report"), viewers: z.array(viewer) }),
  z.object({ kind: z.literal("failed"), message: z.string() }),
]);
export type LoadAnswer = z.infer<typeof answer>;
export type Pulse = Extract<LoadAnswer, { kind: "pulse" }>;

/** Throws when it is no order. */
export function readLoadOrder(message: unknown): LoadOrder {
  return order.parse(message);
}

/** Throws when it is no answer. */
export function readLoadAnswer(message: unknown): LoadAnswer {
  return answer.parse(message);
}
