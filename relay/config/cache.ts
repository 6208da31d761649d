import { totalmem } from "node:os";
import { autoSize, choice, duration } from "./fields.ts";
import { section } from "./section.ts";

/** Most that `bytes = "auto"` takes, so that a large machine keeps room for what else runs on it. */
const AUTO_BYTES_MAX = 2 ** 30;

/** Part of the process's memory that `bytes = "auto"` takes. */
const AUTO_SHARE = 1 / 4;

/** The automatic budget is a whole number of these, in bytes, so that it reads well. */
const AUTO_STEP = 2 ** 20;

export const cacheSection = section("cache", "Recent groups kept in memory, for late joiners and fetches.", {
  bytes: autoSize({
    description:
      "Budget of the whole process. `auto`: a quarter of the memory that the process may use (its cgroup's limit where there is one), at most 1GiB. It bounds what is kept for later viewers and never what is live: a group that it has no room for still reaches the viewers that have it, and later viewers start with the next group. The newest group of a track with viewers stays while there is anything else to evict; large groups make room for small ones (64KiB). `0B` keeps nothing.",
    max: "1TiB",
  }),
  policy: choice(["oldest", "lru"], {
    description:
      "Which group that has a successor leaves first when the budget is spent: the `oldest` by arrival, or the least recently used one (`lru`).",
    default: "oldest",
  }),
  max_age: duration({
    description:
      "Longest that a group other than the newest is kept, whatever its publisher allows. `0s` keeps the newest group of each track only.",
    default: "30s",
    min: "0s",
    max: "1d",
  }),
});

/** Bytes that this process may use: the cgroup's limit (v1 or v2), or the machine's memory. */
export function memoryLimit(): number {
  const constrained = process.constrainedMemory();
  const total = totalmem();
  return constrained > 0 && constrained < total ? constrained : total;
}

/** Bytes of the cache when it is configured as `"auto"` in a process that may use `memory` bytes. */
export function autoCacheBytes(memory: number): number {
  return Math.floor(Math.min(memory * AUTO_SHARE, AUTO_BYTES_MAX) / AUTO_STEP) * AUTO_STEP;
}
