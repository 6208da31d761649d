import { isSuspect, under } from "./paths.ts";

/**
 * True when one of the prefixes covers `path` by whole segments, and no longer one of `closed` does. All are absolute and normalised.
 */
export function covers(prefixes: readonly string[], path: string, closed: readonly string[] = []): boolean {
  const length = longest(prefixes, path);
  return length >= 0 && (closed.length === 0 || longest(closed, path) < length) && !isSuspect(path);
}

/** The parts of the prefixes that are under `path`, as prefixes. All are absolute and normalised. Parts may be in `closed`. */
export function overlap(prefixes: readonly string[], path: string, closed: readonly string[] = []): string[] {
  if (isSuspect(path)) return [];
  if (covers(prefixes, path, closed)) return [path];
  return prefixes.filter((prefix) => under(path, prefix) !== undefined);
}

/** Length of the longest of `prefixes` that covers `path`; -1 when none does. */
function longest(prefixes: readonly string[], path: string): number {
  let length = -1;
  for (const prefix of prefixes) {
    if (prefix.length > length && under(prefix, path) !== undefined) length = prefix.length;
  }
  return length;
}
