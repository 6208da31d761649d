import type { Trust } from "../../../moq/link.ts";
import type { CertificateFacts } from "../../client/index.ts";
import { wrap } from "../io.ts";
import type { RoundTrips, Step } from "./contract.ts";

/** Characters of the column of times, and of that of labels. */
const TIME_WIDTH = 10;
const LABEL_WIDTH = 13;

/** `0.42 ms`, `12.3 ms`, `512 ms`, `1.50 s`. */
export function millis(ms: number): string {
  if (ms >= 1_000) return `${Number((ms / 1_000).toFixed(2))} s`;
  return `${ms.toFixed(ms < 1 ? 2 : ms < 100 ? 1 : 0)} ms`;
}

/** One line, and its advice below it. */
export function stepText({ ms, label, text, failed = false, advice = "" }: Step, columns: number): string {
  const time = (ms === undefined ? "" : millis(ms)).padStart(TIME_WIDTH);
  const first = `${time}  ${label.padEnd(LABEL_WIDTH)} ${failed ? "FAILED: " : ""}${text}\n`;
  const indent = " ".repeat(TIME_WIDTH + LABEL_WIDTH + 3);
  const below = advice.split("\n").flatMap((line) => wrap(line, Math.max(columns - indent.length, 40)));
  return first + below.map((line) => `${indent}${line}\n`).join("");
}

/** Smallest, middle and largest value. Undefined for none. */
export function spread(values: readonly number[]): { min: number; median: number; max: number } | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  if (min === undefined || max === undefined || upper === undefined || lower === undefined) return undefined;
  return { min, median: (lower + upper) / 2, max };
}

export function spreadText(values: readonly number[]): string {
  const found = spread(values);
  if (found === undefined) return "unknown";
  return `min ${millis(found.min)}, median ${millis(found.median)}, max ${millis(found.max)}`;
}

export function roundTripText({ samples, smoothedMs }: RoundTrips): string {
  if (samples.length > 0) return `${spreadText(samples)} (${samples.length} samples)`;
  return smoothedMs === undefined
    ? "unknown: the relay does not answer probes"
    : `${millis(smoothedMs)} (the engine's smoothed value; the relay does not answer probes)`;
}

/** `trust`: how it was verified; undefined for one that is not trusted. */
export function certificateText(facts: CertificateFacts, trust: Trust | undefined, now: number): string {
  const { names, daysLeft, notAfter, sha256, issuer, selfSigned } = facts;
  const shownNames =
    names.length > MAX_NAMES ? [...names.slice(0, MAX_NAMES), `${names.length - MAX_NAMES} more`] : names;
  return [
    `for ${shownNames.length === 0 ? "no name" : shownNames.join(", ")}`,
    selfSigned ? "self-signed" : `from ${issuer}`,
    lifeText(notAfter.getTime() - now, daysLeft),
    verdictOf(trust, sha256),
  ].join("; ");
}

function lifeText(leftMs: number, daysLeft: number): string {
  if (leftMs < 0) return `expired ${ago(leftMs)}`;
  return daysLeft === 0 ? `expires ${ago(leftMs)}` : `${plural(daysLeft, "day")} left`;
}

/** Names of a certificate that are shown. */
const MAX_NAMES = 6;

function verdictOf(trust: Trust | undefined, sha256: string): string {
  switch (trust?.kind) {
    case "system":
      return "an authority of this system vouches for it";
    case "roots":
      return "an authority of --ca vouches for it";
    case "hashes":
      return "known by its fingerprint";
    case "insecure":
      return "not verified (--insecure)";
    case undefined:
      return `not trusted here; SHA-256 ${sha256}`;
  }
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** A moment `ms` milliseconds from now: `in 59 minutes`, `3 days ago`. */
export function ago(ms: number): string {
  const distance = Math.abs(ms);
  const [unit, size] = UNITS.find(([, at]) => distance >= at) ?? ["second", 1_000];
  const text = plural(Math.floor(distance / size), unit);
  return ms < 0 ? `${text} ago` : `in ${text}`;
}

/** From which distance in milliseconds a unit is used, and its size. */
const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];
