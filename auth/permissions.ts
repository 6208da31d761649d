import { isSuspect, under } from "./paths.ts";

/** True when one of the prefixes covers `path` by whole segments. All are absolute and normalised. */
export function covers(prefixes: readonly string[], path: string): boolean {
  return prefixes.some((prefix) => under(prefix, path) !== undefined) && !isSuspect(path);
}
