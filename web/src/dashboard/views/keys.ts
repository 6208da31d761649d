/** The keys that verify tokens: to see, add, remove and save. */
import { type JsonObject, objectsOf, textOf } from "../api.ts";
import { many } from "../format.ts";
import { button, type Column, card, table, text } from "../table.ts";
import type { Desk, View } from "../view.ts";

const COLUMNS: readonly Column[] = [
  { field: "id" },
  { field: "algorithms" },
  { field: "holds" },
  { field: "source", show: (source) => (source === undefined ? "added, in no file" : textOf(source)) },
  { field: "scope" },
];

export const keys: View = {
  id: "keys",
  title: "Keys",
  path: "/keys",
  query: () => "/keys?limit=1000",
  show: (answer, host, desk) => {
    const rows = objectsOf(answer["items"]);
    const actions = desk.mayAct
      ? [
          {
            name: "Remove",
            // What is at a URL is removed there, and a key without an id has no name.
            when: ({ id, source }: JsonObject) => id !== undefined && !textOf(source).startsWith("the URL "),
            run: (row: JsonObject) => void remove(textOf(row["id"]), desk),
          },
        ]
      : [];
    if (desk.mayAct) host.append(acts(answer, desk));
    const empty = "There are no keys: this relay accepts no token.";
    host.append(card(many(Number(answer["total"]), "key"), table(rows, { columns: COLUMNS, actions, empty })));
  },
};

/** What concerns all keys. */
function acts(answer: JsonObject, desk: Desk): HTMLElement {
  const bar = text("div", "", "notice");
  bar.append(button("Add a key", () => void add(desk)));
  const unsaved = objectsOf(answer["unsaved"]).map(({ id, change }) => `${textOf(id)} ${textOf(change)}`);
  if (unsaved.length === 0) return bar;
  const place = textOf(answer["place"]);
  if (place === "") {
    const why = "without [auth] key_dir or key_file it stays until the relay ends";
    bar.append(text("span", `In no file: ${unsaved.join(", ")}; ${why}.`, "quiet"));
    return bar;
  }
  bar.append(
    button("Save", () => void save(desk)),
    text("span", `Not in ${place}: ${unsaved.join(", ")}.`, "quiet"),
  );
  return bar;
}

async function save(desk: Desk): Promise<void> {
  try {
    const { left } = await desk.api.act("POST", "/keys/save");
    desk.refresh();
    const kept = objectsOf(left).map(({ id, why }) => `${textOf(id)}: ${textOf(why)}`);
    if (kept.length > 0) desk.failed(new Error(`Not saved: ${kept.join("; ")}`));
  } catch (error) {
    desk.failed(error);
  }
}

async function add(desk: Desk): Promise<void> {
  const added = await desk.form({
    title: "Add a key",
    note: "A public key or a shared secret, as JWK or PEM. Its tokens are accepted at once. Of a pair, paste the public half only.",
    fields: [
      { name: "key", label: "Key", long: true, required: true, placeholder: '{"kty": "EC", "kid": "2026-12", …}' },
      { name: "kid", label: "Key id (kid), for a key that has none", placeholder: "2026-12" },
    ],
    submit: "Add",
    act: async ({ key = "", kid = "" }) => {
      if (holdsPrivatePart(key)) throw new Error("This is a private key. It was not sent: paste its public half.");
      await desk.api.act("POST", "/keys", { key, ...(kid !== "" && { kid }) });
    },
  });
  if (added) desk.refresh();
}

/** The API refuses a private key; it shall not travel at all. A key that is no JSON is judged by the API. */
function holdsPrivatePart(key: string): boolean {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) return true;
  try {
    const jwk: unknown = JSON.parse(key);
    return typeof jwk === "object" && jwk !== null && "d" in jwk;
  } catch {
    return false;
  }
}

async function remove(kid: string, desk: Desk): Promise<void> {
  const open = await desk.api
    .get(`/sessions?${new URLSearchParams({ kid, limit: "0" })}`)
    .then(({ total }) => Number(total))
    .catch(() => undefined);
  const sessions = open === undefined ? "" : ` ${many(open, "open session")} came by it.`;
  const removed = await desk.form({
    title: `Remove the key ${kid}?`,
    note: `Every token that it signed is refused from now on.${sessions}`,
    fields: [
      {
        name: "sessions",
        label: "Its open sessions",
        choices: [
          ["", "as [auth] on_key_removed says"],
          ["close", "end now"],
          ["keep", "may stay"],
        ],
      },
      {
        name: "force",
        label: "If it is the last key",
        choices: [
          ["", "keep it"],
          ["true", "remove it: no token is accepted then"],
        ],
      },
    ],
    submit: "Remove",
    danger: true,
    act: async (values) => {
      const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== ""));
      await desk.api.act("DELETE", `/keys/${encodeURIComponent(kid)}?${query}`);
    },
  });
  if (removed) desk.refresh();
}
