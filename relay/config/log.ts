import { LOG_FORMATS, LOG_LEVELS } from "../log/index.ts";
import { choice } from "./fields.ts";
import { section } from "./section.ts";

export const logSection = section("log", "What the relay logs, and in which form. It logs to standard output.", {
  level: choice(LOG_LEVELS, {
    description: "Least severe level that the relay writes.",
    default: "info",
    flag: "log-level",
    live: true,
  }),
  format: choice(LOG_FORMATS, {
    description:
      "`json` writes one object a line, `pretty` writes text for people. `auto` is `pretty` on a terminal and `json` elsewhere.",
    default: "auto",
  }),
});
