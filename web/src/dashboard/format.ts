/** Values as people read them. */
import type { Json } from "./api.ts";
import { isList } from "./api.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** `1.9 MB` */
export function bytes(value: number): string {
  return scaled(value, UNITS);
}

/** `8.1 Mbit/s` */
export function bits(value: number): string {
  return scaled(value, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]);
}

function scaled(value: number, units: readonly string[]): string {
  let left = value;
  let unit = 0;
  while (Math.abs(left) >= 1000 && unit < units.length - 1) {
    left /= 1000;
    unit += 1;
  }
  return `${unit === 0 || left >= 100 ? Math.round(left) : left.toFixed(1)} ${units[unit]}`;
}

/** `3 d 4 h`, `5 min 12 s`, `0.8 s` */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3_600)} h`;
}

/** `1 key`, `2 keys`. */
export function many(value: number, one: string, several = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : several}`;
}

export function count(value: number): string {
  return value.toLocaleString("en");
}

/** A date of JSON, in the reader's time zone. */
export function time(iso: string): string {
  return new Date(iso).toLocaleString("sv", { hour12: false });
}

const ISO = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** A value of the API, by the name of its field: names end in their unit. */
export function shown(name: string, value: Json | undefined): string {
  if (value === undefined || value === null) return "–";
  if (typeof value === "number") return number(name, value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return ISO.test(value) ? time(value) : value;
  if (isList(value)) return value.map((one) => shown("", one)).join(", ") || "–";
  const parts = Object.entries(value).map(([key, one]) => `${label(key)} ${shown(key, one)}`);
  return parts.join(" · ") || "–";
}

function number(name: string, value: number): string {
  if (/(^|_)bytes(_|$)/.test(name)) return bytes(value);
  if (/^rate_|_rate$|_bps$|^bits_/.test(name)) return bits(value);
  if (/_ms$/.test(name)) return `${value >= 10 ? Math.round(value) : value.toFixed(1)} ms`;
  if (/_seconds$/.test(name)) return duration(value);
  if (/ratio$|share$/.test(name)) return `${(value * 100).toFixed(1)} %`;
  return Number.isInteger(value) ? count(value) : value.toFixed(2);
}

/** `rate_in` → `Rate in` */
export function label(name: string): string {
  const words = name.replace(/_(ms|seconds|bytes)$/, "").replaceAll("_", " ");
  return words === "" ? "" : `${words[0]?.toUpperCase()}${words.slice(1)}`;
}
