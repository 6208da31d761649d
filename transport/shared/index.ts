export { Bidi } from "./bidi.ts";
export { JsFanOut } from "./fanout.ts";
export { makeFolder } from "./folder.ts";
export { type Prioritized, PriorityQueue } from "./priority-queue.ts";
export { QueueMarks } from "./queue-marks.ts";
export { systemClock } from "./system-clock.ts";
