/** Orders of the bench to the process of a path, and its answers. */
import * as z from "zod";

const order = z.discriminatedUnion("kind", [
  /** Opens the path to a port on loopback; `spec` as `lab/path` reads it. */
  z.object({ kind: z.literal("open"), spec: z.string(), address: z.string(), port: z.number() }),
  /** An outage and changes of the rate are counted from then; microseconds of `sharedMicros`. */
  z.object({ kind: z.literal("begin"), atUs: z.number() }),
  z.object({ kind: z.literal("report") }),
]);
export type PathOrder = z.infer<typeof order>;

const counts = z.object({
  passed: z.number(),
  lost: z.number(),
  dropped: z.number(),
  dark: z.number(),
  overtaken: z.number(),
});

const answer = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("ready"), port: z.number() }),
  z.object({ kind: z.literal("counts"), up: counts, down: counts, refused: z.number() }),
  z.object({ kind: z.literal("failed"), message: z.string() }),
]);
export type PathAnswer = z.infer<typeof answer>;

/** Throws when the value is not an order. */
export function readPathOrder(message: unknown): PathOrder {
  return order.parse(message);
}

/** Throws when the value is not an answer. */
export function readPathAnswer(message: unknown): PathAnswer {
  return answer.parse(message);
}
