import { duration } from "./fields.ts";
import { section } from "./section.ts";

export const drainSection = section("drain", "How the relay ends on SIGTERM or SIGINT.", {
  grace: duration({
    description: "How long sessions may stay after they were told to go elsewhere (GOAWAY).",
    default: "10s",
    min: "0s",
    max: "1h",
    live: true,
  }),
  spread: duration({
    description: "Time over which sessions that are left after `grace` are closed, so that not all reconnect at once.",
    default: "1s",
    min: "0s",
    max: "10m",
    live: true,
  }),
});
