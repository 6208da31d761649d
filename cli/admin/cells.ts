/** Values of answers as text for tables, and arguments of commands as values for requests. */

import { printable } from "../../moq/printable.ts";
import { parseDuration, UnitError } from "../../relay/config/index.ts";
import { UsageError } from "../command.ts";
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

/** The names that are given, such as `sub alice`. */
export function namesText(names: Readonly<Record<string, Json>>): string {
  return Object.entries(names)
    .filter(([, name]) => name !== undefined)
    .map(([by, name]) => `${by} ${textOf(name)}`)
    .join(", ");
}

/** Splits `limits.sessions=20000` at its first equals sign. */
export function keyAndValue(word: string): [key: string, value: string] {
  const sign = word.indexOf("=");
  if (sign <= 0) throw new UsageError(`"${word}" is not KEY=VALUE, such as limits.sessions=20000`);
  return [word.slice(0, sign), word.slice(sign + 1)];
}

/** Seconds since 1970: from such a number, a date, or a duration from now. */
export function readUntil(text: string): number {
  if (/^\d{9,}$/.test(text)) return Number(text);
  try {
    if (/^\d+(\.\d+)?[a-z]+$/.test(text)) return Math.round((Date.now() + parseDuration(text)) / 1_000);
  } catch (error) {
    if (error instanceof UnitError) throw new UsageError(`--until: ${error.message}`);
    throw error;
  }
  const time = Date.parse(text);
  if (Number.isNaN(time))
    throw new UsageError("--until: expected a duration such as 30d, or a date such as 2027-01-31T12:00Z");
  return Math.round(time / 1_000);
}

/** `yes` or `no`, also as `true` and `false`. */
export function readFlag(text: string): boolean {
  const flag = new Map([
    ["yes", true],
    ["true", true],
    ["no", false],
    ["false", false],
  ]).get(text);
  if (flag === undefined) throw new UsageError(`"${text}" is neither yes nor no`);
  return flag;
}
