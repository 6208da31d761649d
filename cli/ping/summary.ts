import { EXIT } from "../exit-codes.ts";
import { Spread } from "../spread.ts";
import { WAYS, type Way } from "./contract.ts";
import { exitOf, type Round } from "./round.ts";

interface WayFigures {
  tried: number;
  worked: number;
  readonly connect: Spread;
  readonly roundTrip: Spread;
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
      if (connectMs !== undefined) connect.add(connectMs);
      for (const sample of roundTrips?.samples ?? []) roundTrip.add(sample);
    }
  }

  /** Empty before the end of the first round. */
  text(): string {
    if (this.#rounds === 0) return "";
    const lines = [`--- ${this.#host}: ${this.#good} of ${this.#rounds} rounds without a failure ---`];
    for (const [way, { tried, worked, connect, roundTrip }] of this.#ways) {
      lines.push(`${way}: ${worked} of ${tried} worked`);
      if (connect.count > 0) lines.push(`  connect     ${connect.text()}`);
      if (roundTrip.count > 0) lines.push(`  round trip  ${roundTrip.text()}`);
    }
    return `${lines.join("\n")}\n`;
  }

  toJson() {
    const ways = new Map(
      [...this.#ways].map(([way, { tried, worked, connect, roundTrip }]) => [
        way,
        { tried, worked, connect_ms: connect.toJson(), round_trip_ms: roundTrip.toJson() },
      ]),
    );
    return { rounds: this.#rounds, good: this.#good, ways: Object.fromEntries<object>(ways) };
  }

  #of(way: Way): WayFigures {
    const known = this.#ways.get(way);
    if (known !== undefined) return known;
    const made = { tried: 0, worked: 0, connect: new Spread(), roundTrip: new Spread() };
    this.#ways.set(way, made);
    return made;
  }
}
