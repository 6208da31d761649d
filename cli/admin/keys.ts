/** Commands for the keys that verify tokens. */
import { type Key, KeyError, parseKeys, publicJwk } from "../../auth/index.ts";
import { CommandError } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { readText } from "../token-read.ts";
import { at, listAt, textOf } from "./api.ts";
import { listText, scopeText } from "./cells.ts";
import type { CommandSpec } from "./spec.ts";
import { many } from "./units.ts";

export const KEY_COMMANDS: readonly CommandSpec[] = [
  {
    operation: "listKeys",
    name: "keys",
    view: {
      facts: [
        [
          "Not saved",
          (read) =>
            listAt(read.value("unsaved"), "")
              .map((one) => `${textOf(at(one, "id"))} ${textOf(at(one, "change"))}`)
              .join(", ") || undefined,
        ],
      ],
      tables: [
        {
          columns: [
            "id",
            "algorithms",
            "holds",
            { field: "scope", of: (row) => scopeText(at(row, "scope")) },
            { field: "source", of: (row) => at(row, "source") ?? "added, in no file" },
          ],
          empty: "no key verifies tokens",
        },
      ],
    },
  },
  {
    operation: "addKey",
    name: "keys add",
    positionals: ["key"],
    typed: {
      key: {
        name: "FILE",
        description:
          "The key: a JWK or PEM; - is standard input. Of a private key the public half is sent and nothing else.",
      },
    },
    parse: { key: keyText },
    done: (answer) => {
      const id = textOf(at(answer, "added.id"));
      const note = at(answer, "needs_kid") === true ? "; tokens without a kid are refused from now on" : "";
      return `the key ${id} verifies tokens now${note}; \`keys save\` writes it into a file`;
    },
    examples: ["keys add private/2026-12.jwk", "keys add key.pem --kid 2026-12"],
  },
  {
    operation: "removeKey",
    name: "keys remove",
    positionals: ["kid"],
    done: (answer) => {
      const [open, closed] = [at(answer, "sessions"), at(answer, "closed")];
      const sessions =
        open === 0 ? "no session came by it" : `${many(open, "session")} came by it, ${textOf(closed)} closed`;
      return `the key ${textOf(at(answer, "removed"))} is removed; ${sessions}; \`keys save\` removes it from its file`;
    },
    cuts: async ({ kid, sessions }, count) => {
      const open = await count("listSessions", { kid, limit: 0 }, "total");
      const then =
        sessions === "keep" ? "may stay" : sessions === "close" ? "end" : "end unless [auth] on_key_removed keeps them";
      const came = open === 0 ? "no open session came by it" : `${many(open, "open session")} that came by it ${then}`;
      return `The relay then refuses every token of the key ${textOf(kid)}; ${came}.`;
    },
    examples: ["keys remove 2026-11", "keys remove 2026-11 --sessions keep"],
  },
  {
    operation: "saveKeys",
    name: "keys save",
    done: (answer) => {
      const left = listAt(answer, "left").map((one) => `${textOf(at(one, "id"))}: ${textOf(at(one, "why"))}`);
      const files = listAt(answer, "files");
      const saved = `${many(at(answer, "saved"), "change")} saved${files.length === 0 ? "" : ` in ${listText(files)}`}`;
      return left.length === 0 ? saved : `${saved}; not saved: ${left.join("; ")}`;
    },
  },
];

/** The key in a file, as the API takes it: without a private part. Throws `CommandError`. */
function keyText(file: string): string {
  const text = readText(file, "key");
  const [key, second] = keysIn(text, file);
  if (key === undefined || second !== undefined) {
    throw new CommandError(`"${file}" must have exactly one key`, EXIT.failed);
  }
  return key.holds === "private" ? JSON.stringify(publicJwk(key)) : text;
}

function keysIn(text: string, file: string): Key[] {
  try {
    return parseKeys(text);
  } catch (error) {
    if (error instanceof KeyError) throw new CommandError(`the key in "${file}": ${error.message}`, EXIT.failed);
    throw error;
  }
}
