import type { Reason } from "../../moq/reason.ts";

/** What a relay answers that cannot serve a track at present. */
const PASSING: ReadonlySet<unknown> = new Set<Reason>([
  "upstream",
  "unroutable",
  // It has yet to learn of the new publisher, or it knows a newer one that this relay has yet to learn of.
  "replaced",
]);

/** Whether the same relay may answer otherwise soon: then it says nothing of the track itself. */
export function isPassing(answer: unknown): boolean {
  return PASSING.has(answer);
}
