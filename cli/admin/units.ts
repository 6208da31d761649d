/** Values of the API as people read them. The unit of a field follows from its name, as the API names its fields. */
import { printable } from "../../moq/printable.ts";
import type { Json } from "./api.ts";

export type Unit =
  | "text"
  | "count"
  /** A number that names something: without separators. */
  | "number"
  | "bytes"
  | "bits"
  | "milliseconds"
  | "seconds"
  | "share"
  /** ISO 8601, shown as the distance from now. */
  | "when"
  /** ISO 8601, shown as a date in UTC. */
  | "date"
  | "yes";

const BY_NAME: readonly (readonly [RegExp, Unit])[] = [
  [/(^|_)bytes(_|$)/, "bytes"],
  [/(^|_)rate(_|$)/, "bits"],
  [/_ms$/, "milliseconds"],
  [/_seconds$/, "seconds"],
  [/_(ratio|share)$/, "share"],
  [/(_at|^at|_after|^since)$/, "when"],
];

/** The unit of a field with that dotted path and value. */
export function unitOf(name: string, value: Json): Unit {
  const last = name.slice(name.lastIndexOf(".") + 1);
  const named = BY_NAME.find(([pattern]) => pattern.test(last))?.[1];
  if (named !== undefined) return named;
  if (typeof value === "boolean") return "yes";
  return typeof value === "number" ? "count" : "text";
}

/** The last part of a field's name that says no more than its unit. */
const SAYS_UNIT = /_(bytes|ms|seconds|at)$/;

/** The heading of a column. */
export function titleOf(name: string): string {
  return name.replace(/^.*\./, "").replace(SAYS_UNIT, "").replaceAll("_", " ").toUpperCase();
}

/** What a value that is not there looks like. */
export const ABSENT = "-";

/** `now` is the relay's, in milliseconds since 1970. */
export function formatted(value: Json, unit: Unit, now: number): string {
  if (value === undefined || value === null || value === "") return ABSENT;
  if (typeof value === "string") {
    const time = unit === "when" || unit === "date" ? Date.parse(value) : Number.NaN;
    if (!Number.isNaN(time)) return unit === "date" ? dateText(time) : distanceText(time - now);
    return printable(value);
  }
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return Array.isArray(value) ? listText(value) : printable(JSON.stringify(value));
  return numberText(value, unit);
}

/** `1 session`, `12 sessions`. */
export function many(count: Json, noun: string): string {
  return `${formatted(count, "count", 0)} ${noun}${count === 1 ? "" : "s"}`;
}

function listText(values: readonly Json[]): string {
  return values.length === 0 ? ABSENT : values.map((one) => formatted(one, "text", 0)).join(", ");
}

function numberText(value: number, unit: Unit): string {
  switch (unit) {
    case "bytes":
      return scaled(value, ["B", "kB", "MB", "GB", "TB"]);
    case "bits":
      return scaled(value, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]);
    case "milliseconds":
      return value < 1_000 ? `${significant(value)} ms` : durationText(value);
    case "seconds":
      return durationText(value * 1_000);
    case "share":
      return `${significant(value * 100)} %`;
    case "number":
      return String(value);
    case "text":
    case "count":
    case "when":
    case "date":
    case "yes":
      return value.toLocaleString("en-US", { maximumFractionDigits: 2 });
  }
}

/** Powers of 1000, three digits. */
function scaled(value: number, units: readonly string[]): string {
  let amount = value;
  let unit = 0;
  while (Math.abs(amount) >= 999.5 && unit < units.length - 1) {
    amount /= 1_000;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(amount) : significant(amount)} ${units[unit]}`;
}

/** Three digits that count; whole numbers have no point. */
function significant(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

const STEPS: readonly (readonly [unit: string, ms: number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

/** The two largest units, such as `3d 4h`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const whole = Math.round(ms / 1_000) * 1_000;
  const first = STEPS.findIndex(([, step]) => whole >= step);
  let left = whole;
  const parts = STEPS.slice(first, first + 2).flatMap(([unit, step]) => {
    const amount = Math.floor(left / step);
    left -= amount * step;
    return amount === 0 ? [] : [`${amount}${unit}`];
  });
  return parts.join(" ");
}

function distanceText(ms: number): string {
  // The relay's clock is known by whole seconds.
  if (Math.abs(ms) < 1_000) return "now";
  return ms < 0 ? `${durationText(-ms)} ago` : `in ${durationText(ms)}`;
}

function dateText(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace("T", " ");
}
