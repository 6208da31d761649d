/** Numbers as people write them on a command line, and as they read them. */

const SCALES: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["k", 1e3],
  ["K", 1e3],
  ["M", 1e6],
  ["G", 1e9],
]);

/** `100000`, `100k`, `2.5M`; undefined when it is no such number. */
export function scaled(text: string): number | undefined {
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)([kKMG]?)$/.exec(text.trim()) ?? [];
  const scale = SCALES.get(unit);
  return amount === undefined || scale === undefined ? undefined : Number((Number(amount) * scale).toFixed(6));
}

/** A whole number from `least` to `most`. */
export function whole(text: string, least: number, most: number): number | undefined {
  const value = scaled(text);
  return value !== undefined && Number.isInteger(value) && value >= least && value <= most ? value : undefined;
}

/** Bits a second: `4M`, `800k`, `2.5Mbit`, `4Mbit/s`, `4Mbps`. */
export function bitrate(text: string, least: number, most: number): number | undefined {
  const value = scaled(text.trim().replace(/\s*(bit\/s|bits|bit|bps)$/, ""));
  return value !== undefined && value >= least && value <= most ? value : undefined;
}

/** A part of one: `30%` or `0.3`. */
export function part(text: string, least: number, most: number): number | undefined {
  const [, amount, sign] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim()) ?? [];
  const value = amount === undefined ? undefined : Number(amount) / (sign === "%" ? 100 : 1);
  return value !== undefined && value >= least && value <= most ? value : undefined;
}

/** Bits a second for people: `4 Mbit/s`, `1.25 Gbit/s`. */
export function rateText(bits: number): string {
  const [unit, scale] = bits >= 1e9 ? ["Gbit/s", 1e9] : bits >= 1e6 ? ["Mbit/s", 1e6] : ["kbit/s", 1e3];
  return `${significant(bits / scale)} ${unit}`;
}

/** Bytes for people, in powers of 1024. */
export function memoryText(bytes: number): string {
  return bytes >= 2 ** 30 ? `${significant(bytes / 2 ** 30)} GiB` : `${significant(bytes / 2 ** 20)} MiB`;
}

/** Three digits that count, and commas between thousands. */
export function significant(value: number): string {
  return value.toLocaleString("en-US", value >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 });
}

export function percentText(value: number): string {
  return `${significant(value * 100)} %`;
}
