/** Rules and settings of Prometheus and Alertmanager whose times are divided, so that a person or a test need not wait for hours. */
import { parse, stringify } from "yaml";

/** Milliseconds of each unit of a duration. */
const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** One duration, such as `5m` or `1h30m`. */
const DURATION = /^(?:\d+(?:ms|[smhdw]))+$/;
const PART = /(\d+)(ms|[smhdw])/g;

/** The durations of an expression: a window `[5m]`, a subquery `[1h:5m]`, an `offset 10m`. */
const WINDOW = /\[(\w+)(?::(\w*))?\]/g;
const OFFSET = /\boffset (-?)(\w+)/g;

/** A rule as far as its times matter. */
interface Rule {
  expr: string;
  for?: string;
  keep_firing_for?: string;
}

interface RuleFile {
  groups: { interval?: string; rules: Rule[] }[];
}

/** `duration` divided by `speed`, in whole milliseconds. Throws for a text that is no duration. */
export function divided(duration: string, speed: number): string {
  if (!DURATION.test(duration)) throw new Error(`${JSON.stringify(duration)} is no duration`);
  const ms = [...duration.matchAll(PART)].reduce((sum, [, count, unit]) => {
    return sum + Number(count) * (UNIT_MS[unit ?? ""] ?? 0);
  }, 0);
  return `${Math.max(1, Math.round(ms / speed))}ms`;
}

/** An expression with all its windows and offsets divided. Thresholds stay, also those in seconds. */
export function fasterExpression(expr: string, speed: number): string {
  return expr
    .replace(WINDOW, (_, range: string, step: string | undefined) => {
      if (step === undefined) return `[${divided(range, speed)}]`;
      return `[${divided(range, speed)}:${step === "" ? "" : divided(step, speed)}]`;
    })
    .replace(OFFSET, (_, sign: string, duration: string) => `offset ${sign}${divided(duration, speed)}`);
}

/** The text of a rule file with all its times divided. */
export function fasterRules(text: string, speed: number): string {
  const file = parse(text) as RuleFile;
  for (const group of file.groups) {
    if (group.interval !== undefined) group.interval = divided(group.interval, speed);
    for (const rule of group.rules) {
      rule.expr = fasterExpression(rule.expr, speed);
      if (rule.for !== undefined) rule.for = divided(rule.for, speed);
      if (rule.keep_firing_for !== undefined) rule.keep_firing_for = divided(rule.keep_firing_for, speed);
    }
  }
  return stringify(file);
}
