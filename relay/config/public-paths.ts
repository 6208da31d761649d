import { normalisePath } from "../../moq/path.ts";
import type { Config } from "./config.ts";

/** Prefixes that clients without a token may use, by `[auth]` and by policies. */
export interface PublicPrefixes {
  readonly open: readonly string[];
  /** Longer ones that they may not. */
  readonly closed: readonly string[];
}

/** A policy replaces an entry of `[auth]` for the same prefix. */
export function publicPrefixes(
  { auth, policies }: Pick<Config, "auth" | "policies">,
  what: "publicSubscribe" | "publicPublish",
): PublicPrefixes {
  const open = new Set(auth[what].map(normalisePath));
  const closed: string[] = [];
  for (const { prefix, [what]: allowed } of policies.list) {
    if (allowed === true) open.add(prefix);
    if (allowed !== false) continue;
    open.delete(prefix);
    closed.push(prefix);
  }
  return { open: [...open], closed };
}
