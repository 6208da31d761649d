import type { Clock } from "../../moq/clock.ts";
import { seededRandom } from "../random.ts";
import { Lane } from "./lane.ts";
import type { MemoryLink } from "./link.ts";
import type { LaneSettings } from "./settings.ts";

/** `up` leads from the dialling end to the listening end. */
export type Direction = "up" | "down";

/** The connection between the two ends of one link: its settings and cuts. */
export interface Wire {
  /** Changes the settings from now on, in one direction or both. */
  configure(settings: Partial<LaneSettings>, direction?: Direction): void;
  /** Cuts one direction or both; neither end gets an event. */
  cut(direction?: Direction): void;
  /** Restores the wire. What was sent while it was cut arrives now, except probes, datagrams and closes. */
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

  /** Both ends have ended. */
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
