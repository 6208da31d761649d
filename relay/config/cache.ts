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
      "Budget of the whole process. `auto`: a quarter of the memory that the process may use (its cgroup's limit where there is one), at most 1GiB. The newest group of a live track is kept whatever the budget says.",
    max: "1TiB",
  }),
  policy: choice(["oldest", "lru", "none"], {
    description:
      "What leaves first when the budget is spent: the `oldest` group by arrival, the least recently used one (`lru`), or nothing, and new groups are refused to the cache (`none`).",
    default: "oldest",
  }),
  max_age: duration({
    description: "Longest that a group other than the newest is kept, whatever its publisher allows.",
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
