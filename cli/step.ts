/** The report of a command that checks something step by step. */

import { printable } from "../moq/printable.ts";
import { wrap } from "./io.ts";

/** One line of the report, printed when the step is over. */
export interface Step {
  readonly label: string;
  readonly text: string;
  /** Absent where the step took no time of its own. */
  readonly ms?: number;
  readonly failed?: boolean;
  /** Lines below it. */
  readonly advice?: string;
}

/** Characters of the column of times, and of that of labels. */
const TIME_WIDTH = 10;
const LABEL_WIDTH = 13;

/** `0.42 ms`, `12.3 ms`, `512 ms`, `1.50 s`. */
export function millis(ms: number): string {
  if (ms >= 1_000) return `${Number((ms / 1_000).toFixed(2))} s`;
  return `${ms.toFixed(ms < 1 ? 2 : ms < 100 ? 1 : 0)} ms`;
}

/** Milliseconds, rounded to whole microseconds. */
export function wholeMicros(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}

/** One line, and its advice below it. */
export function stepText({ ms, label, text, failed = false, advice = "" }: Step, columns: number): string {
  const time = (ms === undefined ? "" : millis(ms)).padStart(TIME_WIDTH);
  const first = `${time}  ${label.padEnd(LABEL_WIDTH)} ${failed ? "FAILED: " : ""}${printable(text)}\n`;
  const indent = " ".repeat(TIME_WIDTH + LABEL_WIDTH + 3);
  const below = advice.split("\n").flatMap((line) => wrap(line, Math.max(columns - indent.length, 40)));
  return first + below.map((line) => `${indent}${printable(line)}\n`).join("");
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

export function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
