import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import { EXIT } from "../exit-codes.ts";
import { WAYS, type Way } from "./contract.ts";
import { exitOf, type Round } from "./round.ts";
import { millis } from "./text.ts";

/** Histograms count whole microseconds, from 1. */
const PER_MS = 1_000;

interface WayFigures {
  tried: number;
  worked: number;
  readonly connect: RecordableHistogram;
  readonly roundTrip: RecordableHistogram;
}

/** The figures of all rounds, in constant memory. */
export class Summary {
  readonly #host: string;
  readonly #ways = new Map<Way, WayFigures>();
  #rounds = 0;
  #good = 0;

  constructor(host: string) {
    this.#host = host;
  }

  add(round: Round): void {
    this.#rounds++;
    if (exitOf(round) === EXIT.ok) this.#good++;
    for (const way of WAYS) {
      const works = round.ways[way];
      if (works === undefined) continue;
      const figures = this.#of(way);
      figures.tried++;
      if (works) figures.worked++;
    }
    for (const { way, failure, connectMs, roundTrips } of round.attempts) {
      if (failure !== undefined) continue;
      const { connect, roundTrip } = this.#of(way);
      if (connectMs !== undefined) record(connect, connectMs);
      for (const sample of roundTrips?.samples ?? []) record(roundTrip, sample);
    }
  }

  /** Empty before the end of the first round. */
  text(): string {
    if (this.#rounds === 0) return "";
    const lines = [`--- ${this.#host}: ${this.#good} of ${this.#rounds} rounds without a failure ---`];
    for (const [way, { tried, worked, connect, roundTrip }] of this.#ways) {
      lines.push(`${way}: ${worked} of ${tried} worked`);
      if (connect.count > 0) lines.push(`  connect     ${spreadOf(connect)}`);
      if (roundTrip.count > 0) lines.push(`  round trip  ${spreadOf(roundTrip)}`);
    }
    return `${lines.join("\n")}\n`;
  }

  toJson() {
    const ways = new Map(
      [...this.#ways].map(([way, { tried, worked, connect, roundTrip }]) => [
        way,
        { tried, worked, connect_ms: figuresOf(connect), round_trip_ms: figuresOf(roundTrip) },
      ]),
    );
    return { rounds: this.#rounds, good: this.#good, ways: Object.fromEntries<object>(ways) };
  }

  #of(way: Way): WayFigures {
    const known = this.#ways.get(way);
    if (known !== undefined) return known;
    const made = { tried: 0, worked: 0, connect: createHistogram(), roundTrip: createHistogram() };
    this.#ways.set(way, made);
    return made;
  }
}

function record(into: RecordableHistogram, ms: number): void {
  into.record(Math.max(1, Math.round(ms * PER_MS)));
}

/** Milliseconds; null where there is no value. */
function figuresOf(of: RecordableHistogram) {
  if (of.count === 0) return null;
  const [min, median, max] = [of.min, of.percentile(50), of.max].map((value) => value / PER_MS);
  return { min, median, max, count: of.count };
}

function spreadOf(of: RecordableHistogram): string {
  const [min = "", median = "", max = ""] = [of.min, of.percentile(50), of.max].map((value) => millis(value / PER_MS));
  return `min ${min}, median ${median}, max ${max}`;
}
