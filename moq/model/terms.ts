import type { CacheShare } from "./cache.ts";

/** What holds for one broadcast, by its path: the values of policies, else those of the whole relay. */
export interface Terms {
  /** Where its groups are charged. */
  readonly cache: CacheShare;
  /** Milliseconds that a group which is not the newest is kept, whatever its publisher says. */
  readonly maxAgeMs: number;
  /** 0 to 7: its streams go before those of lower ones on the same connection. */
  readonly priority: number;
}
