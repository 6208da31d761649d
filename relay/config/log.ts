import { LOG_FORMATS, LOG_LEVELS } from "../log/index.ts";
import { choice } from "./fields.ts";
import { section } from "./section.ts";

export const logSection = section("log", "What is logged, and in which form. Logs go to standard output.", {
  level: choice(LOG_LEVELS, {
    description: "Least severe level that is written.",
    default: "info",
    flag: "log-level",
    live: true,
  }),
  format: choice(LOG_FORMATS, {
    description: "`json`: one object a line. `pretty`: for people. `auto`: pretty on a terminal, else JSON.",
    default: "auto",
  }),
});
