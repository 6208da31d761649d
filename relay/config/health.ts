import { duration, integer } from "./fields.ts";
import { section } from "./section.ts";

export const healthSection = section(
  "health",
  "What the relay checks about itself in the background. docs/operations.md says what each reason means and what to do.",
  {
    event_loop: duration({
      description:
        "The relay is not ready (`event_loop_blocked`) when its event loop was blocked for this long, until 3 s have passed without that.",
      default: "1s",
      min: "50ms",
      max: "1m",
      live: true,
    }),
    memory: integer({
      description:
        "Percent of the memory that the process may use (the limit of its cgroup, or the machine's memory) from which on the relay is not ready (`memory_high`).",
      default: 95,
      min: 10,
      max: 100,
      live: true,
    }),
  },
);
