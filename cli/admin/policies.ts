/** Commands for the policies by prefix. */
import { at, type Json, textOf } from "./api.ts";
import { readFlag } from "./arguments.ts";
import { countsText } from "./cells.ts";
import type { CommandSpec } from "./spec.ts";
import { many } from "./units.ts";

const name = (prefix: Json) => `/${textOf(prefix).replace(/^\/+/, "")}`;

/** Counts that are not 0. */
function someText(counts: Json): string | undefined {
  const all = countsText(counts)?.split(", ") ?? [];
  return all.filter((one) => !one.endsWith(" 0")).join(", ") || undefined;
}

export const POLICY_COMMANDS: readonly CommandSpec[] = [
  {
    operation: "listPolicies",
    name: "policies",
    positionals: ["path"],
    view: {
      facts: [
        "file",
        ["Not saved", (read) => (read.value("unsaved") === 0 ? undefined : read.many("unsaved", "change"))],
      ],
      tables: [
        {
          columns: [
            { field: "prefix", of: (row) => name(at(row, "prefix")) },
            { field: "values", of: (row) => countsText(at(row, "values")) },
            { field: "used", of: (row) => someText(at(row, "used")) },
            { field: "refused", of: (row) => someText(at(row, "refused")) },
          ],
          extra: ["cached_bytes", "saved"],
          empty: "no policy is set",
        },
        {
          rows: "effective",
          title: "For this path",
          columns: [
            "key",
            "value",
            {
              field: "from",
              of: (row) => {
                const prefix = at(row, "prefix");
                return prefix === undefined ? (at(row, "setting") ?? "default") : `policy ${name(prefix)}`;
              },
            },
          ],
        },
      ],
    },
    examples: ["policies", "policies live/tenant-a/cam"],
  },
  {
    operation: "setPolicy",
    name: "policies set",
    positionals: ["prefix"],
    parse: { public_subscribe: readFlag, public_publish: readFlag },
    done: (_, { prefix }) =>
      `the policy of ${name(prefix)} is set, with these keys alone; \`policies save\` writes it into the file`,
    examples: ["policies set live/tenant-a --cache-bytes 64MiB --broadcasts 20 --public-subscribe no"],
  },
  {
    operation: "removePolicy",
    name: "policies remove",
    positionals: ["prefix"],
    done: (_, { prefix }) => `the policy of ${name(prefix)} is removed; \`policies save\` removes it from the file`,
  },
  {
    operation: "savePolicies",
    name: "policies save",
    done: (answer) => `${many(at(answer, "saved"), "change")} saved in ${textOf(at(answer, "file"))}`,
  },
];
