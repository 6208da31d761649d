import { distance } from "fastest-levenshtein";

/** Edits that a slip of the keyboard takes at most; beyond, a suggestion confuses more than it helps. */
const MAX_EDITS = 3;

/** The candidate that `name` was most likely meant to be, or nothing when none is within `maxEdits`. */
export function nearest(name: string, candidates: Iterable<string>, maxEdits = MAX_EDITS): string | undefined {
  let best: string | undefined;
  let bestEdits = Math.min(maxEdits, Math.max(1, Math.floor(name.length / 2))) + 1;
  for (const candidate of candidates) {
    const edits = distance(name.toLowerCase(), candidate.toLowerCase());
    if (edits < bestEdits) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best;
}
