import { choice } from "./fields.ts";
import { section } from "./section.ts";

export const logSection = section("log", "What is logged, and in which form. Logs go to standard output.", {
  level: choice(["silent", "fatal", "error", "warn", "info", "debug", "trace"], {
    description: "Least severe level that is written.",
    default: "info",
    flag: "log-level",
  }),
  format: choice(["auto", "json", "pretty"], {
    description: "`json`: one object a line. `pretty`: for people. `auto`: pretty on a terminal, else JSON.",
    default: "auto",
  }),
});
