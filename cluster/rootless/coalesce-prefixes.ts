import { prefixes } from "../../moq/model/index.ts";

/**
 * Prefixes that one relay is asked for at once: each is a request stream for as long as it is asked, and subscriptions need theirs
 * of the 256 that a relay allows.
 */
export const MAX_ASKS = 32;

/**
 * Prefixes to ask for so that all of `wanted` is told: none that another one covers; where they are too many, those of the tenants
 * (first segments), and where these are too many, everything. Whoever asks for more than it wants takes what it wants.
 */
export function coalescePrefixes(wanted: ReadonlySet<string>): {
  readonly prefixes: ReadonlySet<string>;
  readonly wide: boolean;
} {
  const bare = new Set([...wanted].filter((prefix) => !covered(prefix, wanted)));
  if (bare.size <= MAX_ASKS) return { prefixes: bare, wide: false };
  const tenants = new Set([...bare].map((prefix) => prefix.split("/", 1)[0] ?? ""));
  return { prefixes: tenants.size <= MAX_ASKS ? tenants : new Set([""]), wide: true };
}

function covered(path: string, by: ReadonlySet<string>): boolean {
  for (const prefix of prefixes(path)) if (prefix !== path && by.has(prefix)) return true;
  return false;
}
