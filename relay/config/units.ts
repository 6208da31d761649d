/** Text forms of durations, byte sizes and fractions, as configuration files, the environment and flags write them. */

/** A value that cannot be parsed; the message is a part of a sentence, such as `expected a duration …`. */
export class UnitError extends Error {
  override readonly name = "UnitError";
}

/** Milliseconds in each unit of time. */
const TIME_UNITS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60 * 1000],
  ["h", 60 * 60 * 1000],
  ["d", 24 * 60 * 60 * 1000],
]);

/** Bytes in each unit of size: powers of 1000 (SI) and of 1024 (IEC). The case counts, because many read a small `b` as bit. */
const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ["B", 1],
  ["kB", 1e3],
  ["KB", 1e3],
  ["MB", 1e6],
  ["GB", 1e9],
  ["TB", 1e12],
  ["KiB", 2 ** 10],
  ["MiB", 2 ** 20],
  ["GiB", 2 ** 30],
  ["TiB", 2 ** 40],
]);

const NUMBER = /^(\d+(?:\.\d+)?)\s*([A-Za-z%]*)$/;
const WHOLE = /^\d+$/;

function split(text: string): { amount: number; unit: string } | undefined {
  const match = NUMBER.exec(text);
  const [, amount, unit] = match ?? [];
  return amount === undefined || unit === undefined ? undefined : { amount: Number(amount), unit };
}

/**
 * Milliseconds of a duration such as `"500ms"`, `"10s"`, `"1.5h"`. A unit is required, so that a reader
 * need not guess it. Throws {@link UnitError}; fractions of a millisecond are rounded.
 */
export function parseDuration(text: string): number {
  const parts = split(text);
  const scale = parts && TIME_UNITS.get(parts.unit);
  refuseBlanks(text);
  if (parts?.unit === "") throw new UnitError(`a duration needs a unit, such as "${text}s" or "${text}ms"`);
  if (!parts || scale === undefined) {
    throw new UnitError('expected a duration such as "500ms", "10s", "5m", "2h" or "1d"');
  }
  return whole(parts.amount * scale, "duration");
}

/** Bytes of a size such as `"16MiB"`, `"1GB"` or `"1500"` (bytes). Throws {@link UnitError}. */
export function parseBytes(text: string): number {
  const parts = split(text);
  const scale = parts && (parts.unit === "" ? 1 : SIZE_UNITS.get(parts.unit));
  refuseBlanks(text);
  if (parts && scale === undefined) {
    const meant = [...SIZE_UNITS.keys()].find((unit) => unit.toLowerCase() === parts.unit.toLowerCase());
    if (meant !== undefined)
      throw new UnitError(`"${parts.unit}" is not a unit of bytes; did you mean "${parts.amount}${meant}"?`);
  }
  if (!parts || scale === undefined) {
    throw new UnitError('expected a size such as "64KiB", "16MiB" or "1GB", or a number of bytes');
  }
  return whole(parts.amount * scale, "size");
}

/** A share of one, from `"25%"` or `"0.25"`. Throws {@link UnitError} outside 0 to 1. */
export function parseFraction(text: string): number {
  const parts = split(text);
  const value = parts?.unit === "%" ? parts.amount / 100 : parts?.unit === "" ? parts.amount : undefined;
  if (value === undefined || value > 1) throw new UnitError('expected a share such as "25%" or 0.25, from 0 to 1');
  return value;
}

/** Spaces around a value are a mistake that may hide another one, such as a misplaced quote. */
function refuseBlanks(text: string): void {
  if (text !== text.trim()) throw new UnitError("there is a space before or after the value");
}

function whole(value: number, what: string): number {
  const rounded = Math.round(value);
  if (!Number.isSafeInteger(rounded)) throw new UnitError(`this ${what} is too large`);
  return rounded;
}

/** Shortest exact text that {@link parseDuration} reads back as `ms`. */
export function formatDuration(ms: number): string {
  return largestExact(ms, TIME_UNITS, "ms");
}

/** Shortest exact text that {@link parseBytes} reads back as `bytes`, in binary units. */
export function formatBytes(bytes: number): string {
  const binary = new Map([
    ["B", 1],
    ["KiB", 2 ** 10],
    ["MiB", 2 ** 20],
    ["GiB", 2 ** 30],
    ["TiB", 2 ** 40],
  ]);
  return largestExact(bytes, binary, "B");
}

function largestExact(value: number, units: ReadonlyMap<string, number>, smallest: string): string {
  let text = `${value}${smallest}`;
  if (value === 0) return text;
  for (const [unit, scale] of units) if (value % scale === 0) text = `${value / scale}${unit}`;
  return text;
}

/** The whole number that `text` says, or nothing. For values of the environment and of flags, which have no type. */
export function parseWhole(text: string): number | undefined {
  const value = Number(text);
  return WHOLE.test(text) && Number.isSafeInteger(value) ? value : undefined;
}
