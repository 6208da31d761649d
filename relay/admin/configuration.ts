import * as z from "zod";
import { type Operation, operation } from "../http/index.ts";
import type { ReloadReport, RunningSettings } from "../reload/index.ts";

const change = z.object({
  key: z.string().describe("Dotted path, such as `limits.sessions`."),
  from: z.string().describe("As the file would write it; credentials are hidden."),
  to: z.string(),
  live: z.boolean().describe("A reload applies it."),
});

const report = z.object({
  applied: z.array(change).describe("Values that the relay uses from now on."),
  restart: z.array(change).describe("Values that differ from those in use and need a restart."),
  files: z.array(z.string()).describe("Groups of files, such as `[tls]`, whose new content is in use."),
  failed: z
    .record(z.string(), z.string())
    .describe("What cannot be used, by key. When it has an entry, nothing was applied."),
  unsaved: z
    .array(z.object({ kind: z.enum(["key", "policy"]), name: z.string(), change: z.enum(["set", "removed"]) }))
    .describe(
      "Keys and policies that were set or removed through this API and no file has: they stay until the relay ends.",
    ),
});

const origin = z.union([
  z.object({ kind: z.literal("default"), note: z.string().optional() }),
  z.object({ kind: z.literal("file"), file: z.string(), line: z.int().optional() }),
  z.object({ kind: z.literal("env"), name: z.string() }),
  z.object({ kind: z.literal("flag"), name: z.string() }),
  z.object({ kind: z.literal("option") }).describe("Given by the program that runs the relay."),
  z.object({ kind: z.literal("run_time") }).describe("Set through this API."),
]);

const value = z.object({
  key: z.string(),
  text: z.string().describe("As the file would write it; credentials are hidden."),
  value: z.unknown().describe("As the program uses it: milliseconds, bytes. Null without a value."),
  origin,
  applies: z.enum(["live", "restart"]).describe("Whether a reload applies a new value, or a restart."),
  pending: z.string().optional().describe("The value that a restart would use."),
});

/** The most keys of one request, more than there are. */
const MAX_CHANGES = 500;
/** Longest value in characters. */
const MAX_VALUE = 16_384;

const changes = z
  .record(z.string().max(128), z.string().max(MAX_VALUE).nullable())
  .refine((given) => Object.keys(given).length <= MAX_CHANGES, `at most ${MAX_CHANGES} keys`)
  .describe(
    'By key, as a flag writes it, such as `{"limits.sessions": "20000"}`; null removes a value that was set so.',
  );

/** The configuration in use: see it, reload it, set live keys. */
export function configurationOperations(settings: RunningSettings): Operation[] {
  return [
    operation(
      {
        method: "get",
        path: "/config",
        right: "read",
        tag: "config",
        id: "getConfig",
        summary: "The configuration in use, with the origin of each value; credentials are hidden.",
        query: z.strictObject({
          section: z.string().max(64).optional().describe("Only this section, such as `limits`."),
        }),
        answer: z.object({ values: z.array(value) }),
      },
      ({ query: { section } }) => {
        const values = settings
          .configuration()
          .values.filter(({ key }) => section === undefined || key.startsWith(`${section}.`));
        return { values: [...values] };
      },
    ),
    operation(
      {
        method: "patch",
        path: "/config",
        right: "write",
        tag: "config",
        id: "setConfig",
        summary: "Set live keys until the relay ends: all of them, or none. They override file, environment and flags.",
        body: changes,
        answer: report,
      },
      async ({ body, about }) => {
        for (const key of Object.keys(body)) about(key);
        return answer(await settings.set(body));
      },
    ),
    operation(
      {
        method: "post",
        path: "/reload",
        right: "write",
        tag: "config",
        id: "reload",
        summary: "Load configuration and files again, as SIGHUP does: all live values apply, or none.",
        answer: report,
      },
      async () => answer(await settings.reload()),
    ),
  ];
}

/** The report with lists of its own. */
function answer({ applied, restart, files, failed, unsaved }: ReloadReport): z.output<typeof report> {
  return {
    applied: [...applied],
    restart: [...restart],
    files: [...files],
    failed: { ...failed },
    unsaved: [...unsaved],
  };
}
