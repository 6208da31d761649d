/** Arguments of `moqmesh admin` as values for requests. */
import { parseDuration, UnitError } from "../../relay/config/index.ts";
import { UsageError } from "../command.ts";

/** Splits `limits.sessions=20000` at its first equals sign. */
export function keyAndValue(word: string): [key: string, value: string] {
  const sign = word.indexOf("=");
  if (sign <= 0) throw new UsageError(`"${word}" is not KEY=VALUE, such as limits.sessions=20000`);
  return [word.slice(0, sign), word.slice(sign + 1)];
}

/** `--until` as seconds since 1970: such a number, a date, or a duration from now. */
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
