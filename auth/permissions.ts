import { isSuspect, under } from "./paths.ts";

/** True when one of the prefixes covers `path` by whole segments. All are absolute and normalised. */
export function covers(prefixes: readonly string[], path: string): boolean {
  return prefixes.some((prefix) => under(prefix, path) !== undefined) && !isSuspect(path);
}

/** The parts of the prefixes that are under `path`, as prefixes. All are absolute and normalised. */
export function overlap(prefixes: readonly string[], path: string): string[] {
  if (isSuspect(path)) return [];
  if (prefixes.some((prefix) => under(prefix, path) !== undefined)) return [path];
  return prefixes.filter((prefix) => under(path, prefix) !== undefined);
}
