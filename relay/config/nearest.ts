import { distance } from "fastest-levenshtein";

/** Most edits between a typing mistake and the right word. With more edits a suggestion confuses. */
const MAX_EDITS = 3;

/** The candidate that `name` most likely stands for; nothing when all are more than `maxEdits` away. */
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
