import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** V8's garbage collector as a function, for this thread. It stops the thread for 10 to 200 ms. */
export function garbageCollector(): (options?: object) => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as (options?: object) => void;
}

/** V8's own value: collections through which compiled code that does not run is kept. */
const CODE_AGE = 6;

/**
 * Collects what the start of this thread has left, and its compiled code, 3 MB of which ran once; what runs again is compiled again. Stops the
 * thread for 50 to 400 ms.
 */
export function collectStart(): void {
  const collect = garbageCollector();
  setFlagsFromString("--bytecode-old-age=1");
  collect({ type: "major", execution: "sync", flavor: "last-resort" });
  setFlagsFromString(`--bytecode-old-age=${CODE_AGE}`);
}
