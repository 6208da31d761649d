/** Orders of a soak to its load processes, and their answers. */
import * as z from "zod";

const start = z.object({
  kind: z.literal("start"),
  seed: z.number(),
  /** QUIC engine to dial with. */
  engine: z.string(),
  /** SHA-256 in hex of every certificate that the relays may serve. */
  certificates: z.array(z.string()),
  /** Ports of loopback, UDP and TCP: of relays for publishers, and of relays for viewers. */
  origins: z.array(z.number()),
  edges: z.array(z.number()),
  tokens: z.object({
    publish: z.string(),
    watch: z.array(z.string()),
    /** Each must be refused. */
    wrong: z.array(z.string()),
  }),
  /** Clients that begin in one second, on average. */
  rate: z.number(),
  /** Part of the names of its passing broadcasts. */
  name: z.string(),
  /** It also publishes the lasting broadcasts. */
  lasting: z.boolean(),
});
export type SoakStart = z.infer<typeof start>;

const order = z.union([
  start,
  /** Begin nothing more, and let every client leave. */
  z.object({ kind: z.literal("stop") }),
]);
export type SoakOrder = z.infer<typeof order>;

/** Totals since the start of the process. */
const counts = z.object({
  kind: z.literal("counts"),
  /** Sessions that opened, by plane. */
  quic: z.number(),
  websocket: z.number(),
  /** Dials with a wrong token that were refused. */
  refused: z.number(),
  /** Dials with a wrong token that were not refused: a defect. */
  admitted: z.number(),
  /** Dials that failed for another reason. */
  failed: z.number(),
  frames: z.number(),
  /** Fetches that were answered. */
  fetched: z.number(),
  /** Clients that are there now. */
  open: z.number(),
});
export type SoakCounts = z.infer<typeof counts>;

const answer = z.discriminatedUnion("kind", [
  counts,
  z.object({ kind: z.literal("stopped") }),
  z.object({ kind: z.literal("failed"), message: z.string() }),
]);
export type SoakAnswer = z.infer<typeof answer>;

/** Throws when the value is not an order. */
export function readSoakOrder(message: unknown): SoakOrder {
  return order.parse(message);
}

/** Throws when the value is not an answer. */
export function readSoakAnswer(message: unknown): SoakAnswer {
  return answer.parse(message);
}
