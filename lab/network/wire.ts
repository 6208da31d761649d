import type { Clock } from "../../moq/clock.ts";
import { Lane } from "./lane.ts";
import type { MemoryLink } from "./link.ts";
import { type LaneSettings, seededRandom } from "./settings.ts";

/** `up` is from the dialling end to the listening one. */
export type Direction = "up" | "down";

/** What connects the two ends of one link: settings, cuts, and a sudden death of either end. */
export interface Wire {
  /** Changes how the link behaves from now on, in one direction or both. */
  configure(settings: Partial<LaneSettings>, direction?: Direction): void;
  /** Nothing arrives any more, in one direction or both, and neither end is told. */
  cut(direction?: Direction): void;
  /** What was sent meanwhile arrives now, except probes, datagrams and closes. */
  heal(direction?: Direction): void;
}

/** The two lanes of a link. */
export class LinkWire implements Wire {
  readonly up: Lane;
  readonly down: Lane;
  client: MemoryLink | undefined;
  server: MemoryLink | undefined;

  constructor(clock: Clock, settings: LaneSettings, seed: number) {
    const random = seededRandom(seed);
    this.up = new Lane(clock, settings, random);
    this.down = new Lane(clock, settings, random);
    this.up.arrived = () => this.server?.heard();
    this.down.arrived = () => this.client?.heard();
  }

  /** Neither end is there any more. */
  get over(): boolean {
    return this.client?.ended !== false && this.server?.ended !== false;
  }

  configure(settings: Partial<LaneSettings>, direction?: Direction): void {
    for (const lane of this.#lanes(direction)) lane.settings = { ...lane.settings, ...settings };
    this.client?.reconfigured();
    this.server?.reconfigured();
    for (const lane of this.#lanes(direction)) lane.resume();
  }

  cut(direction?: Direction): void {
    for (const lane of this.#lanes(direction)) lane.cut();
  }

  heal(direction?: Direction): void {
    for (const lane of this.#lanes(direction)) lane.heal();
  }

  #lanes(direction: Direction | undefined): readonly Lane[] {
    if (direction === undefined) return [this.up, this.down];
    return [direction === "up" ? this.up : this.down];
  }
}
