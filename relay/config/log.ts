import { LOG_FORMATS, LOG_LEVELS, LOG_MODULES, parseModuleLevels } from "../log/index.ts";
import { choice, integer, texts } from "./fields.ts";
import { section } from "./section.ts";

/** Largest burst: more lines a second than the output takes. */
const BURST_MAX = 1_000_000;

export const logSection = section(
  "log",
  "What the relay logs, and in which form. It logs to standard output. SIGUSR2 switches everything to `debug`, and back.",
  {
    level: choice(LOG_LEVELS, {
      description: "Least severe level that the relay writes.",
      default: "info",
      flag: "log-level",
      live: true,
    }),
    modules: texts({
      description: `Levels of parts of the relay, as \`MODULE=LEVEL\`; parts that are not named follow \`level\`. Modules: ${LOG_MODULES.map((one) => `\`${one}\``).join(", ")}. On a busy edge \`sessions=warn\` leaves out the lines about each session.`,
      default: [],
      live: true,
    }),
    burst: integer({
      description:
        "Lines with the same text that the relay writes in one second. It leaves out further ones, counts them, and writes one line with their number. `0` writes all.",
      default: 200,
      min: 0,
      max: BURST_MAX,
      live: true,
    }),
    slow_groups: integer({
      description:
        "Groups of a track that a viewer must lose within 10 seconds to be in the list of slow viewers (`GET /api/v1/slow`).",
      default: 3,
      min: 1,
      max: 1_000_000,
      live: true,
    }),
    slow_length: integer({
      description: "Entries of the list of slow viewers. Newer ones replace the oldest.",
      default: 128,
      min: 1,
      max: 10_000,
      live: true,
    }),
    format: choice(LOG_FORMATS, {
      description:
        "`json` writes one object a line, `pretty` writes text for people. `auto` is `pretty` on a terminal and `json` elsewhere.",
      default: "auto",
    }),
  },
  [{ keys: ["modules"], broken: ({ modules }) => faultOf(modules) }],
);

function faultOf(modules: readonly string[]): string | undefined {
  try {
    parseModuleLevels(modules);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
