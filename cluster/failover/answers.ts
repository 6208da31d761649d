import type { Reason } from "../../moq/reason.ts";

/** What a relay answers that cannot serve a track at present. */
const PASSING: ReadonlySet<unknown> = new Set<Reason>([
  "upstream",
  "unroutable",
  // It has yet to learn of the new publisher, or it knows a newer one that this relay has yet to learn of.
  "replaced",
]);

/**
 * Whether another relay may serve what this one refused. A relay refuses another one a broadcast that no publisher sends to it any more, and
 * a regional refuses regionals of regions that are not below its own.
 */
export function isRefusedHere(answer: unknown): boolean {
  return answer === "unauthorized";
}

/** Whether the same relay may answer otherwise soon: then it says nothing of the track itself. */
export function isPassing(answer: unknown): boolean {
  return PASSING.has(answer);
}
