/** Values of the API's answers as text for tables. */

import { printable } from "../../moq/printable.ts";
import { at, isRecord, type Json, listAt, textOf } from "./api.ts";
import { durationText } from "./units.ts";
import type { View } from "./view.ts";

/** The levels of the log. */
export const LEVELS: View = {
  facts: ["level", ["Modules", (read) => countsText(read.value("modules"))]],
};

/** The route that is used: the first one. */
export function bestRoute(broadcast: Json): Json {
  return listAt(broadcast, "routes")[0];
}

export function routeState(route: Json): string {
  if (at(route, "leaving") === true) return "leaving";
  return at(route, "ended") === true ? "stored" : "live";
}

export function nodeState(node: Json): string {
  if (at(node, "present") === false) return "lost";
  return at(node, "draining") === true ? "draining" : "up";
}

/** `slow 3, gone 1`; undefined when there is nothing. */
export function countsText(counts: Json): string | undefined {
  if (!isRecord(counts) || Object.keys(counts).length === 0) return undefined;
  return Object.entries(counts)
    .map(([name, count]) => printable(`${name} ${textOf(count)}`))
    .join(", ");
}

export function listText(values: readonly Json[]): string | undefined {
  return values.length === 0 ? undefined : values.map((one) => printable(textOf(one))).join(", ");
}

/** A number of seconds as the time since something. */
export function agoText(seconds: Json): string | undefined {
  return typeof seconds === "number" ? `${durationText(seconds * 1_000)} ago` : undefined;
}

/** Where a value of the configuration comes from. */
export function originText(origin: Json): string {
  const [file, line, name] = ["file", "line", "name"].map((field) => at(origin, field));
  if (file !== undefined) return line === undefined ? textOf(file) : `${textOf(file)}:${textOf(line)}`;
  if (name !== undefined) return textOf(name);
  return at(origin, "kind") === "run_time" ? "set at run time" : textOf(at(origin, "kind"));
}

/** What tokens signed with a key may grant at most. */
export function scopeText(scope: Json): string {
  if (!isRecord(scope)) return "everything";
  const lists = ["put", "get"].map(
    (name) =>
      `${name} ${listAt(scope, name)
        .map((one) => `"${textOf(one)}"`)
        .join(",")}`,
  );
  return [
    `root "${textOf(scope["root"])}"`,
    ...lists,
    ...(scope["cluster"] === true ? ["cluster"] : []),
    ...(scope["admin"] === undefined ? [] : [`admin ${textOf(scope["admin"])}`]),
  ].join(" ");
}

/** A number of seconds since 1970 as a date of ISO 8601. */
export function secondsToIso(seconds: Json): string | undefined {
  return typeof seconds === "number" ? new Date(seconds * 1_000).toISOString() : undefined;
}

/** The claims that a revocation matches, such as `sub alice`. */
export function claimsText(names: Readonly<Record<string, Json>>): string {
  return Object.entries(names)
    .filter(([, name]) => name !== undefined)
    .map(([by, name]) => `${by} ${textOf(name)}`)
    .join(", ");
}
