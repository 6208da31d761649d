/** Orders of the bench to the process that floods, and its answers. */
import * as z from "zod";
import { trust } from "../../load/messages.ts";
import { KINDS } from "../kinds.ts";

const order = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("connect"),
    engine: z.string(),
    url: z.string(),
    trust,
    flood: z.enum(KINDS),
  }),
  z.object({ kind: z.literal("flood"), messages: z.number() }),
]);

const answer = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("connected"), engine: z.string(), possible: z.boolean() }),
  /** CPU time of the process while it flooded, in microseconds. */
  z.object({ kind: z.literal("flooded"), cpuUs: z.number(), messages: z.number(), closed: z.string().optional() }),
  z.object({ kind: z.literal("failed"), message: z.string() }),
]);

export type Order = z.infer<typeof order>;
export type Answer = z.infer<typeof answer>;

export const readOrder = (message: unknown): Order => order.parse(message);
export const readAnswer = (message: unknown): Answer => answer.parse(message);
