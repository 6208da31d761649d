/** Descriptions of a bad network path, such as `delay=20 loss=0.05 burst=4 rate=7,3@5 outage=5@2`. */

/** A rate from a moment on. */
export interface RateStep {
  /** Seconds after {@link import("./shaper.ts").Moments.beginAtMs}. */
  readonly at: number;
  /** Mbit/s each way; 0: unlimited. */
  readonly mbps: number;
}

/** A time in which nothing passes. */
export interface Outage {
  /** Seconds after the beginning. */
  readonly at: number;
  readonly seconds: number;
}

/** What a path does to packets, in each of its two directions by itself. */
export interface PathSpec {
  /** Milliseconds that every packet takes. */
  readonly delay: number;
  /** Most milliseconds that a packet takes in addition, by chance. Packets keep their order. */
  readonly jitter: number;
  /** Share of the packets that are lost, from 0 to 1. */
  readonly loss: number;
  /** Packets lost in a row, on average. */
  readonly burst: number;
  /** Share of the packets that later ones overtake. */
  readonly reorder: number;
  /** Most milliseconds for which an overtaken packet is held back. */
  readonly reorderBy: number;
  /** By time; all flows through the path share it. Empty: unlimited. */
  readonly rate: readonly RateStep[];
  /** Milliseconds of waiting at the bottleneck, beyond which it drops packets. */
  readonly queue: number;
  readonly outage: Outage | undefined;
  /** Where the random numbers begin. */
  readonly seed: number;
}

/** When an outage begins whose moment is not given: media flows again by then. */
const OUTAGE_AT_S = 2;

const LONGEST_MS = 10_000;
const LONGEST_S = 3_600;
const MOST_MBPS = 10_000;
const MOST_STEPS = 32;

const CLEAR: PathSpec = {
  delay: 0,
  jitter: 0,
  loss: 0,
  burst: 1,
  reorder: 0,
  reorderBy: 30,
  rate: [],
  queue: 200,
  outage: undefined,
  seed: 1,
};

type Reader = (value: string) => Partial<PathSpec> | string;

/** By key; each returns what it sets, or what it expects. */
const KEYS: Readonly<Record<string, Reader>> = {
  delay: number("milliseconds", 0, LONGEST_MS, (delay) => ({ delay })),
  jitter: number("milliseconds", 0, LONGEST_MS, (jitter) => ({ jitter })),
  loss: number("a share", 0, 1, (loss) => ({ loss })),
  burst: number("a number of packets", 1, 1_000, (burst) => ({ burst })),
  reorder: number("a share", 0, 1, (reorder) => ({ reorder })),
  "reorder-by": number("milliseconds", 1, LONGEST_MS, (reorderBy) => ({ reorderBy })),
  queue: number("milliseconds", 1, LONGEST_MS, (queue) => ({ queue })),
  seed: number("a number", 0, 2 ** 32 - 1, (seed) => ({ seed: Math.floor(seed) })),
  rate: readRate,
  outage: readOutage,
};

/** The keys, for help texts. */
export const PATH_KEYS = Object.keys(KEYS);

/** Reads a description: `KEY=VALUE` with spaces between. Throws an `Error` that says what is expected. */
export function parsePath(text: string): PathSpec {
  let spec = CLEAR;
  const seen = new Set<string>();
  for (const word of text.split(/\s+/).filter((one) => one !== "")) {
    const [key = "", value, ...rest] = word.split("=");
    const read = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (read === undefined) throw new Error(`"${key}" is unknown; use ${PATH_KEYS.join(", ")}`);
    if (value === undefined || rest.length > 0) throw new Error(`expected ${key}=VALUE, not "${word}"`);
    if (seen.has(key)) throw new Error(`${key} is given twice`);
    seen.add(key);
    const found = read(value);
    if (typeof found === "string") throw new Error(`${key}: expected ${found}, not "${value}"`);
    spec = { ...spec, ...found };
  }
  if (seen.size === 0) throw new Error("expected at least one KEY=VALUE, such as delay=20");
  if (spec.loss === 1) throw new Error("loss=1 lets nothing through; use outage");
  return spec;
}

/** Mbit/s at a moment, in seconds after the beginning; 0: unlimited. */
export function rateAt({ rate }: PathSpec, seconds: number): number {
  return rate.findLast(({ at }) => at <= seconds)?.mbps ?? rate[0]?.mbps ?? 0;
}

/** Whether nothing passes at that moment. */
export function isDark({ outage }: PathSpec, seconds: number): boolean {
  return outage !== undefined && seconds >= outage.at && seconds < outage.at + outage.seconds;
}

/** Bytes that the path can carry each way in the first seconds after the beginning; infinity where it is unlimited at some time. */
export function capacityBytes(spec: PathSpec, seconds: number): number {
  const edges = [0, ...spec.rate.map(({ at }) => at), seconds];
  if (spec.outage !== undefined) edges.push(spec.outage.at, spec.outage.at + spec.outage.seconds);
  const sorted = [...new Set(edges.filter((at) => at >= 0 && at <= seconds))].toSorted((a, b) => a - b);
  let bytes = 0;
  for (const [index, from] of sorted.entries()) {
    const to = sorted[index + 1];
    if (to === undefined || isDark(spec, from)) continue;
    const mbps = rateAt(spec, from);
    if (mbps === 0) return Number.POSITIVE_INFINITY;
    bytes += ((to - from) * mbps * 1_000_000) / 8;
  }
  return bytes;
}

function decimal(value: string, least: number, most: number): number | undefined {
  const number = Number(value);
  return /^\d+(\.\d+)?$/.test(value) && number >= least && number <= most ? number : undefined;
}

function number(what: string, least: number, most: number, set: (value: number) => Partial<PathSpec>): Reader {
  return (value) => {
    const found = decimal(value, least, most);
    return found === undefined ? `${what} from ${least} to ${most}` : set(found);
  };
}

/** `7`, or `10,3@5,10@15`: from second 5 on 3, from second 15 on 10. */
function readRate(value: string): Partial<PathSpec> | string {
  const expected = `Mbit/s from 0.001 to ${MOST_MBPS}, with the second from which on each further one holds, such as 7 or 10,3@5,10@15`;
  const steps: RateStep[] = [];
  for (const [index, part] of value.split(",").entries()) {
    const [rate = "", at = "", ...rest] = part.split("@");
    const mbps = decimal(rate, 0.001, MOST_MBPS);
    const seconds = index === 0 && at === "" ? 0 : decimal(at, 0, LONGEST_S);
    const before = steps.at(-1)?.at ?? -1;
    if (mbps === undefined || seconds === undefined || seconds <= before || rest.length > 0) return expected;
    steps.push({ at: seconds, mbps });
  }
  return steps.length > MOST_STEPS ? `at most ${MOST_STEPS} rates` : { rate: steps };
}

/** `5`, or `5@3`: dark for five seconds from second 3 on. */
function readOutage(value: string): Partial<PathSpec> | string {
  const [length = "", at = String(OUTAGE_AT_S), ...rest] = value.split("@");
  const found = { at: decimal(at, 0, LONGEST_S), seconds: decimal(length, 0.001, LONGEST_S) };
  if (found.at === undefined || found.seconds === undefined || rest.length > 0)
    return `seconds, with the second at which it begins, such as 5 or 5@${OUTAGE_AT_S}`;
  return { outage: { at: found.at, seconds: found.seconds } };
}
