import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** V8's garbage collector as a function, for this thread. It stops the thread for 10 to 200 ms. */
export function garbageCollector(): (options?: object) => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as (options?: object) => void;
}

/** Collects what the start of this thread has left, its code that ran once among it. Stops the thread for 50 to 400 ms. */
export function collectStart(): void {
  garbageCollector()({ type: "major", execution: "sync", flavor: "last-resort" });
}
