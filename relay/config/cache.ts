import { totalmem } from "node:os";
import { allLive, autoSize, choice, duration } from "./fields.ts";
import { section } from "./section.ts";

/** Largest budget of `bytes = "auto"`, so that other programs on a large machine have room. */
const AUTO_BYTES_MAX = 2 ** 30;

/** Share of the memory of the process that `bytes = "auto"` uses. */
const AUTO_SHARE = 1 / 4;

/** The automatic budget is a multiple of this number of bytes, so that it is easy to read. */
const AUTO_STEP = 2 ** 20;

export const cacheSection = section(
  "cache",
  "Recent groups in memory, for viewers that join late and for fetches.",
  allLive({
    bytes: autoSize({
      bound: true,
      description:
        "Budget of the whole process. `auto` is a quarter of the memory that the process may use (the limit of its cgroup, if it has one), at most 1GiB. The budget bounds what the relay keeps for later viewers, never what is live: a group that has no room still reaches its present viewers, and later viewers start with the next group. The cache evicts the newest group of a watched track last. Groups above 64KiB make room for smaller ones. `0B` keeps nothing.",
      max: "1TiB",
    }),
    policy: choice(["oldest", "lru"], {
      description:
        "Which group is evicted first, of those that are not the newest of their track: `oldest` by arrival, or the least recently used one (`lru`).",
      default: "oldest",
    }),
    max_age: duration({
      bound: true,
      description:
        "Longest time that the cache keeps a group that is not the newest of its track. A publisher can only shorten it. `0s` keeps only the newest group of each track.",
      default: "30s",
      min: "0s",
      max: "1d",
    }),
  }),
);

/** Bytes that this process may use: the cgroup's limit (v1 or v2), or the machine's memory. */
export function memoryLimit(): number {
  const constrained = process.constrainedMemory();
  const total = totalmem();
  return constrained > 0 && constrained < total ? constrained : total;
}

/** Bytes of the cache with `bytes = "auto"` in a process that may use `memory` bytes. */
export function autoCacheBytes(memory: number): number {
  return Math.floor(Math.min(memory * AUTO_SHARE, AUTO_BYTES_MAX) / AUTO_STEP) * AUTO_STEP;
}
