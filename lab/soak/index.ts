/** A long run that looks for leaks: clients that come and go at a relay, or streams at the level of links. */
export { readOptions } from "./options.ts";
export { runChurn } from "./run.ts";
export { runStreams } from "./streams/run.ts";
