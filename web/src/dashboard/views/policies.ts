/** Policies by prefix: what each says, what is in use under it, and what holds for a path; to change as the token permits. */
import { type JsonObject, objectOf, objectsOf, textOf } from "../api.ts";
import { many, shown } from "../format.ts";
import { button, card, table, text } from "../table.ts";
import type { Desk, FormField, View } from "../view.ts";

/** The path whose values are shown. */
const asked = { path: "" };

const name = (prefix: JsonObject[string] | undefined) => `/${textOf(prefix)}`;

export const policies: View = {
  id: "policies",
  title: "Policies",
  path: "/policies",
  query: () => `/policies?${new URLSearchParams({ limit: "1000", path: asked.path })}`,
  controls: (desk) => {
    const bar = text("div", "", "filters");
    const field = text("label", "Values for the path");
    const input = document.createElement("input");
    input.value = asked.path;
    input.placeholder = "live/room1";
    input.addEventListener("change", () => {
      asked.path = input.value;
      desk.refresh();
    });
    field.append(input);
    bar.append(field);
    return bar;
  },
  show: (answer, host, desk) => {
    const rows = objectsOf(answer["items"]);
    const actions = desk.mayAct
      ? [
          { name: "Change", run: (row: JsonObject) => void change(row, desk) },
          { name: "Remove", run: (row: JsonObject) => void remove(row, desk) },
        ]
      : [];
    if (desk.mayAct) host.append(acts(answer, desk));
    const list = table(rows.map(rowOf), { columns: COLUMNS, actions, empty: "No prefix has a policy." });
    const effective = objectsOf(answer["effective"]).map(effectiveRow);
    host.append(
      card(many(Number(answer["total"]), "policy", "policies"), list),
      card(`What holds for ${name(asked.path.replace(/^\/+|\/+$/g, ""))}`, table(effective, { empty: "None." })),
    );
  },
};

const COLUMNS = [
  { field: "prefix" },
  { field: "values" },
  { field: "used", title: "In use" },
  { field: "refused" },
  { field: "cached_bytes", title: "Cached" },
  { field: "saved", title: "In a file" },
];

function rowOf({ prefix, values, used, refused, cached_bytes, saved }: JsonObject): JsonObject {
  return {
    prefix: name(prefix),
    values: shown("", objectOf(values)),
    used: shown("", nonZero(used)),
    refused: shown("", nonZero(refused)),
    ...(cached_bytes !== undefined && { cached_bytes }),
    saved: saved ?? false,
    // For the actions.
    at: prefix ?? "",
    own: values ?? {},
  };
}

function nonZero(counts: JsonObject[string] | undefined): JsonObject {
  return Object.fromEntries(Object.entries(objectOf(counts)).filter(([, value]) => value !== 0));
}

function effectiveRow({ key, value, prefix, setting }: JsonObject): JsonObject {
  const from = prefix === undefined ? textOf(setting) || "default" : `policy ${name(prefix)}`;
  return { key: key ?? "", value: valueText(key, value), from };
}

/** A value that holds, where 0 lifts a bound. */
function valueText(key: JsonObject[string] | undefined, value: JsonObject[string] | undefined): string {
  const bound = BOUNDS.has(textOf(key));
  return bound && (value === 0 || value === "0B") ? "no bound" : shown("", value);
}

/** What concerns all policies. */
function acts(answer: JsonObject, desk: Desk): HTMLElement {
  const bar = text("div", "", "notice");
  bar.append(button("Add a policy", () => void change(undefined, desk)));
  const unsaved = Number(answer["unsaved"]);
  if (unsaved === 0) return bar;
  const changes = many(unsaved, "change is", "changes are");
  const file = textOf(answer["file"]);
  if (file === "") {
    bar.append(text("span", `${changes} in no file: without [policies] file they stay until the relay ends.`, "quiet"));
    return bar;
  }
  bar.append(
    button("Save", () => void desk.api.act("POST", "/policies/save").then(() => desk.refresh(), desk.failed)),
    text("span", `${changes} not in ${file}.`, "quiet"),
  );
  return bar;
}

async function remove({ at, prefix }: JsonObject, desk: Desk): Promise<void> {
  const removed = await desk.form({
    title: "Remove this policy?",
    note: `From now on shorter prefixes and the configuration count under ${textOf(prefix)}. Sessions that are open go on; new ones may be refused or admitted otherwise.`,
    fields: [],
    submit: "Remove",
    danger: true,
    act: async () => void (await desk.api.act("DELETE", target(textOf(at)))),
  });
  if (removed) desk.refresh();
}

const FLAG = [
  ["", "inherited"],
  ["yes", "yes"],
  ["no", "no"],
] as const;

interface Key {
  readonly key: string;
  readonly label: string;
  readonly kind: "flag" | "number" | "text";
  /** 0 lifts it. */
  readonly bound?: true;
}

const KEYS: readonly Key[] = [
  { key: "public_subscribe", label: "Watch without a token", kind: "flag" },
  { key: "public_publish", label: "Publish without a token", kind: "flag" },
  { key: "priority", label: "Priority, 0 to 7", kind: "number" },
  { key: "cache_bytes", label: "Cache budget, such as 64MiB", kind: "text" },
  { key: "cache_max_age", label: "Cache age, such as 1m", kind: "text" },
  { key: "broadcasts", label: "Broadcasts at most", kind: "number", bound: true },
  { key: "publishers", label: "Publishing sessions at most", kind: "number", bound: true },
  { key: "tracks", label: "Tracks at most", kind: "number", bound: true },
  { key: "sessions", label: "Sessions at most", kind: "number", bound: true },
  { key: "subscriptions", label: "Subscriptions at most", kind: "number", bound: true },
  { key: "ingress", label: "Bytes a second in, such as 5MiB", kind: "text", bound: true },
  { key: "egress", label: "Bytes a second out", kind: "text", bound: true },
];

const BOUNDS: ReadonlySet<string> = new Set(KEYS.filter(({ bound }) => bound).map(({ key }) => key));

/** A form for the policy of a prefix; without a row, for a new one. */
async function change(row: JsonObject | undefined, desk: Desk): Promise<void> {
  const prefix = textOf(row?.["at"]);
  const own = objectOf(row?.["own"]);
  const inherited = await desk.api
    .get(`/policies?${new URLSearchParams({ limit: "0", path: prefix })}`)
    .then(({ effective }) => new Map(objectsOf(effective).map(({ key, value }) => [key, valueText(key, value)])))
    .catch(() => new Map());
  const fields = KEYS.map(({ key, label, kind }): FormField => {
    const value = own[key];
    if (kind !== "flag") {
      const placeholder = value === undefined ? `inherited: ${inherited.get(key) ?? ""}` : "inherited";
      return { name: key, label, value: textOf(value), placeholder };
    }
    const chosen = value === undefined ? "" : value === true ? "yes" : "no";
    return { name: key, label, value: chosen, choices: FLAG };
  });
  const at: FormField = {
    name: "prefix",
    label: "Prefix, by whole segments",
    value: prefix,
    placeholder: "live/tenant-a",
  };
  const done = await desk.form({
    title: row === undefined ? "Add a policy" : `Change the policy of ${name(prefix)}`,
    note: "An empty field is inherited from shorter prefixes and the configuration; 0 in a bound lifts it. What runs goes on: bounds and access count for what is new.",
    fields: [{ ...at, wide: true, fixed: row !== undefined }, ...fields],
    submit: row === undefined ? "Add" : "Change",
    act: async (values) => {
      const body = bodyOf(values);
      await confirmClosing(values["prefix"] ?? "", body, own, desk);
      await desk.api.act("PUT", target(values["prefix"] ?? ""), body);
    },
  });
  if (done) desk.refresh();
}

function target(prefix: string): string {
  return `/policies?${new URLSearchParams({ prefix })}`;
}

/** The body as the API takes it: numbers as numbers, and only fields with a value. Text that is no number goes as it is: the API says what is wrong. */
function bodyOf(values: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(
    KEYS.flatMap(({ key, kind }): [string, JsonObject[string]][] => {
      const value = values[key] ?? "";
      if (value === "") return [];
      if (kind === "flag") return [[key, value === "yes"]];
      return [[key, kind === "number" && /^\d+$/.test(value) ? Number(value) : value]];
    }),
  );
}

/** Asks again before new clients are kept out. Throws when the answer is no, so that the form stays. */
async function confirmClosing(prefix: string, body: JsonObject, before: JsonObject, desk: Desk): Promise<void> {
  const closed = (["public_subscribe", "public_publish"] as const).filter(
    (key) => body[key] === false && before[key] !== false,
  );
  if (closed.length === 0) return;
  const what = closed.map((key) => (key === "public_subscribe" ? "watch" : "publish")).join(" or ");
  const question = `Clients without a token can then ${what} nothing under ${name(prefix)}, unless a longer prefix permits it. Sessions that are open go on.`;
  if ((await desk.confirm("Keep clients without a token out?", question, false)) === undefined) {
    throw new Error("Nothing was changed.");
  }
}
