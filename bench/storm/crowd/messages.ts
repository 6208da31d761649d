/** Orders of the bench to the process of a crowd, and its answers. */
import { z } from "zod";
import { trust } from "../../load/messages.ts";
import { KIND_NAMES } from "../kinds.ts";

const order = z.discriminatedUnion("kind", [
  /** Makes what exists before the storm. */
  z.object({
    kind: z.literal("prepare"),
    storm: z.enum(KIND_NAMES),
    engine: z.string(),
    /** Where publishers connect, and watchers and viewers. */
    publish: z.string(),
    watch: z.string(),
    trust,
    /** Each viewer connects at a path of its own, so that the service which decides is asked about each. */
    ownPaths: z.boolean(),
    size: z.number(),
    watchers: z.number(),
    seconds: z.number(),
    /** Milliseconds after the beginning of the storm at which what is not done counts as not done. */
    patienceMs: z.number(),
  }),
  z.object({ kind: z.literal("storm") }),
  /** Ends all sessions. */
  z.object({ kind: z.literal("leave") }),
]);

const counts = z.record(z.string(), z.number());

const answer = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("prepared") }),
  z.object({ kind: z.literal("left") }),
  z.object({
    kind: z.literal("stormed"),
    /** How many have what they want, of how many. */
    done: z.number(),
    of: z.number(),
    /** How long each waited for it, in microseconds. */
    waits: z.object({ max: z.number(), counts: z.array(z.number()).readonly() }),
    /** Refused connections, by reason, and sessions that ended unexpectedly. */
    refused: counts,
    lost: counts,
  }),
  z.object({ kind: z.literal("failed"), message: z.string() }),
]);

export type Order = z.infer<typeof order>;
export type Preparation = Extract<Order, { kind: "prepare" }>;
export type Answer = z.infer<typeof answer>;
export type Stormed = Omit<Extract<Answer, { kind: "stormed" }>, "kind">;

export const readOrder = (message: unknown): Order => order.parse(message);
export const readAnswer = (message: unknown): Answer => answer.parse(message);
