/** Views of resources that are lists or single objects, shown as they come. */
import { isList, type JsonObject, objectOf, objectsOf, textOf } from "../api.ts";
import { count } from "../format.ts";
import { type Column, card, figures, table } from "../table.ts";
import type { View } from "../view.ts";

interface Plain {
  readonly id: string;
  readonly title: string;
  readonly path: string;
  readonly query?: string;
  readonly empty: string;
  /** Default: every field. */
  readonly columns?: readonly Column[];
}

const SETTINGS: readonly Column[] = [
  { field: "key" },
  { field: "text", title: "Value" },
  { field: "applies" },
  { field: "pending" },
  { field: "origin", show: (origin) => Object.values(objectOf(origin)).map(textOf).join(" ") },
];

const MEDIA: readonly Plain[] = [
  { id: "tracks", title: "Tracks", path: "/tracks", query: "?limit=200", empty: "No track is in use." },
  { id: "slow", title: "Slow viewers", path: "/slow", empty: "No viewer has lost groups lately." },
  { id: "refusals", title: "Refusals", path: "/refusals", empty: "No client was refused lately." },
  { id: "prefixes", title: "Prefixes", path: "/prefixes", empty: "There is no broadcast." },
];

const RELAY: readonly Plain[] = [
  { id: "workers", title: "Workers", path: "/workers", empty: "The engine has no workers of its own." },
  { id: "health", title: "Health", path: "/health", empty: "There is no check." },
];

const RECORDS: readonly Plain[] = [
  { id: "revocations", title: "Revocations", path: "/revocations", empty: "No token is revoked." },
  { id: "config", title: "Configuration", path: "/config", empty: "There is no setting.", columns: SETTINGS },
  { id: "audit", title: "Audit", path: "/audit", query: "?limit=200", empty: "No operator has acted since the start." },
];

export const mediaLists = MEDIA.map(viewOf);
export const relayLists = RELAY.map(viewOf);
export const recordLists = RECORDS.map(viewOf);

function viewOf(plain: Plain): View {
  return {
    id: plain.id,
    title: plain.title,
    path: plain.path,
    query: () => plain.path + (plain.query ?? ""),
    show: (answer, host) => host.append(...cards(plain, answer)),
  };
}

/** Lists as tables, objects and single values as figures. */
function cards({ id, title, columns, empty }: Plain, answer: JsonObject): HTMLElement[] {
  const single: Record<string, JsonObject[string]> = {};
  const made: HTMLElement[] = [];
  for (const [name, value] of Object.entries(answer)) {
    const rows = objectsOf(value);
    if (isList(value) && (value.length === 0 || rows.some((row) => Object.keys(row).length > 0))) {
      const heading = ["items", "values", id].includes(name)
        ? `${count(Number(answer["total"] ?? rows.length))} · ${title}`
        : `${title}: ${name}`;
      made.push(card(heading, table(rows, { columns, empty: name === "items" ? empty : "None." })));
    } else if (name !== "total") single[name] = value;
  }
  if (Object.keys(single).length > 0) made.unshift(card(title, figures(objectOf(single))));
  return made;
}
