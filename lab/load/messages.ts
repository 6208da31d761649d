/** Orders of the mesh to its publishers and viewers, and their answers. Times are microseconds of `sharedMicros`. */
import * as z from "zod";
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
    /** URLs of the relays to publish at, with tokens. */
    origins: z.array(z.string()),
    /** Publish at all of them at once, or at one and then at the next when that one leaves. */
    everywhere: z.boolean(),
    framesPerSecond: z.number(),
    frameBytes: z.number(),
  }),
  z.object({
    ...common,
    role: z.literal("viewers"),
    /** URLs of the relays that serve viewers, with tokens. */
    edges: z.array(z.string()),
    /** The number of the first edge of each viewer. */
    viewers: z.array(z.number()),
  }),
]);
export type PublisherStart = Extract<z.infer<typeof start>, { role: "publisher" }>;
export type ViewersStart = Extract<z.infer<typeof start>, { role: "viewers" }>;

const order = z.union([
  start,
  /** Start a new measurement. */
  z.object({ kind: z.literal("measure") }),
  /** Report the measurement; `groups` should have arrived complete. `restart`: start a new one at the same moment. */
  z.object({ kind: z.literal("report"), groups: z.array(z.number()), restart: z.boolean() }),
]);
export type LoadOrder = z.infer<typeof order>;

/** A group that was published completely. */
const group = z.object({ kind: z.literal("group"), sequence: z.number(), fromUs: z.number(), toUs: z.number() });
export type PublishedGroup = z.infer<typeof group>;

const viewer = z.object({
  /** Number of its edge. */
  edge: z.number(),
  /** Different frames since the measurement began. */
  frames: z.number(),
  /** Longest gap between two of them, until now, and when it began. */
  gapUs: z.number(),
  gapFromUs: z.number(),
  /** Sessions and subscriptions after the first, by reason. */
  moved: z.number(),
  reconnected: z.number(),
  subscriptionsLost: z.number(),
  /** How many of the requested groups are missing or incomplete. */
  lost: z.array(z.number()),
});
export type ViewerReport = z.infer<typeof viewer>;

const answer = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("ready"), engine: z.string(), protocol: z.string() }),
  group,
  /** Figures of one second over all viewers. */
  z.object({
    kind: z.literal("pulse"),
    edges: z.array(z.object({ viewers: z.number(), frames: z.number(), gapUs: z.number() })),
    moves: z.number(),
  }),
  z.object({
    kind: z.literal("report"),
    viewers: z.array(viewer),
    /** 99 % of the frames of the measurement took at most so long from the publisher to their viewer. */
    p99Us: z.number(),
  }),
  z.object({ kind: z.literal("failed"), message: z.string() }),
]);
export type LoadAnswer = z.infer<typeof answer>;
export type ViewersReport = Extract<LoadAnswer, { kind: "report" }>;
export type Pulse = Extract<LoadAnswer, { kind: "pulse" }>;

/** Throws when the value is not an order. */
export function readLoadOrder(message: unknown): LoadOrder {
  return order.parse(message);
}

/** Throws when the value is not an answer. */
export function readLoadAnswer(message: unknown): LoadAnswer {
  return answer.parse(message);
}
