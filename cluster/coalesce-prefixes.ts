import { prefixes } from "../moq/model/index.ts";

/** Prefixes that one relay is asked for at once. Each takes one of the 256 request streams that a relay allows. */
export const MAX_ASKS = 32;

/**
 * Prefixes to ask for, so that the answers have everything in `wanted`:
 * - those of `wanted`, without any that another one covers;
 * - where these are too many, their first segments;
 * - where these are too many as well, the empty prefix.
 * `wide`: the answers have more than `wanted`; the asker ignores the rest.
 */
export function coalescePrefixes(wanted: ReadonlySet<string>): {
  readonly prefixes: ReadonlySet<string>;
  readonly wide: boolean;
} {
  const minimal = new Set([...wanted].filter((prefix) => !isCovered(prefix, wanted)));
  if (minimal.size <= MAX_ASKS) return { prefixes: minimal, wide: false };
  const tenants = new Set([...minimal].map((prefix) => prefix.split("/", 1)[0] ?? ""));
  return { prefixes: tenants.size <= MAX_ASKS ? tenants : new Set([""]), wide: true };
}

function isCovered(path: string, by: ReadonlySet<string>): boolean {
  for (const prefix of prefixes(path)) if (prefix !== path && by.has(prefix)) return true;
  return false;
}
