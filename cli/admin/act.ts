/** Commands that do something to a relay. */
import { at, isRecord, listAt, textOf } from "./api.ts";
import { keyAndValue, readUntil } from "./arguments.ts";
import { claimsText, LEVELS, listText } from "./cells.ts";
import type { CommandSpec } from "./spec.ts";
import { formatted, many } from "./units.ts";
import type { TableSpec } from "./view.ts";

const REPORT: readonly TableSpec[] = [
  { rows: "applied", title: "Applied", columns: ["key", "from", "to"] },
  { rows: "restart", title: "Needs a restart", columns: ["key", "from", "to"] },
  { rows: "unsaved", title: "In no file, so it stays until the relay ends", columns: ["kind", "name", "change"] },
];

/** The report of a reload. */
const RELOADED: Pick<CommandSpec, "view" | "failed"> = {
  view: {
    facts: [
      [
        "Files",
        (read) => {
          const files = listAt(read.value("files"), "");
          return files.length === 0 ? undefined : listText(files);
        },
      ],
      [
        "Result",
        (read) =>
          listAt(read.value("applied"), "").length + listAt(read.value("files"), "").length === 0
            ? "nothing has changed"
            : "the new values are in use",
      ],
    ],
    tables: REPORT,
  },
  failed: (answer) => {
    const failed = at(answer, "failed");
    if (!isRecord(failed) || Object.keys(failed).length === 0) return undefined;
    return ["nothing was applied", ...Object.entries(failed).map(([key, why]) => `${key}: ${textOf(why)}`)].join("\n");
  },
};

export const ACTING_COMMANDS: readonly CommandSpec[] = [
  {
    operation: "closeSession",
    name: "sessions close",
    positionals: ["id"],
    done: (_, { id }) => `session ${textOf(id)} closed`,
    cuts: ({ id }) => `This ends the session ${textOf(id)}.`,
  },
  {
    operation: "closeSessions",
    name: "sessions close-all",
    done: (answer) => `${many(at(answer, "closed"), "session")} closed`,
    cuts: async ({ reason: _, ...filters }, count) =>
      `This ends ${many(await count("listSessions", { ...filters, limit: 0 }, "total"), "session")}.`,
    examples: ["sessions close-all --tenant acme --reason maintenance"],
  },
  {
    operation: "kickBroadcast",
    name: "broadcasts kick",
    positionals: ["path"],
    done: (answer) => `${many(at(answer, "closed"), "publishing session")} closed`,
    cuts: ({ path }) => `This ends the sessions that publish ${textOf(path)}.`,
  },
  {
    operation: "purgeCache",
    name: "cache purge",
    positionals: ["prefix", "track"],
    done: (answer) => `${many(at(answer, "groups"), "group")} evicted, ${formatted(at(answer, "bytes"), "bytes", 0)}`,
    cuts: ({ prefix, track }) =>
      `This evicts ${track === undefined ? "all cached groups" : `the cached groups of ${textOf(track)}`} under "${textOf(prefix)}".`,
    examples: ["cache purge live/room1 video", 'cache purge "" --yes'],
  },
  { operation: "resetSlow", name: "slow reset", done: (answer) => `${many(at(answer, "removed"), "row")} removed` },
  {
    operation: "addRevocation",
    name: "revocations add",
    parse: { until: readUntil },
    done: () => "revoked, in the whole mesh",
    cuts: ({ jti, kid, sub }) => `This ends the sessions of every token with ${claimsText({ jti, kid, sub })}.`,
    examples: ["revocations add --sub alice --until 30d"],
  },
  {
    operation: "removeRevocation",
    name: "revocations remove",
    done: () => "the revocation is removed",
    examples: ["revocations remove --sub alice"],
  },
  {
    operation: "setConfig",
    name: "config set",
    ...RELOADED,
    words: {
      name: "KEY=VALUE",
      description: "A live key and its value, such as limits.sessions=20000.",
      body: (words) => Object.fromEntries(words.map(keyAndValue)),
    },
    examples: ["config set limits.sessions=20000 log.level=debug"],
  },
  {
    operation: "setConfig",
    name: "config unset",
    summary: "Remove values that were set while the relay runs: those of file, environment and flags apply again.",
    ...RELOADED,
    words: {
      name: "KEY",
      description: "A key that was set, such as limits.sessions.",
      body: (words) => Object.fromEntries(words.map((key) => [key, null])),
    },
  },
  { operation: "reload", name: "reload", ...RELOADED },
  {
    operation: "drain",
    name: "drain",
    done: (_, { exit }) =>
      exit === true
        ? "the relay drains, and ends when its sessions have left"
        : "the relay drains; undrain takes it back",
    cuts: async ({ exit }, count) =>
      `This asks ${many(await count("getStatus", {}, "sessions.active"), "session")} to leave${exit === true ? ", and ends the relay" : ""}.`,
  },
  { operation: "undrain", name: "undrain", done: () => "the relay serves again" },
  { operation: "setLogLevel", name: "log-level set", positionals: ["level"], view: LEVELS },
  {
    operation: "takeHeapSnapshot",
    name: "heap-snapshot",
    done: (answer) => `${formatted(at(answer, "file"), "text", 0)}: ${formatted(at(answer, "bytes"), "bytes", 0)}`,
  },
];
