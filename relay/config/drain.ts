import { duration } from "./fields.ts";
import { section } from "./section.ts";

export const drainSection = section("drain", "How the relay ends on SIGTERM or SIGINT.", {
  grace: duration({
    description: "How long sessions may stay after GOAWAY, which asks them to go elsewhere.",
    default: "10s",
    min: "0s",
    max: "1h",
    live: true,
  }),
  spread: duration({
    description:
      "Time over which the relay closes the sessions that are still open after `grace`. It keeps them from reconnecting all at once.",
    default: "1s",
    min: "0s",
    max: "10m",
    live: true,
  }),
});
