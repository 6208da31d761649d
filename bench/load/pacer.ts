import type { Clock } from "../../moq/clock.ts";

/** Shortest wait of a timer in milliseconds; Node's timers have no shorter one. */
const SHORTEST_WAIT_MS = 1;

/**
 * Decides when each track sends its next frame. All tracks have the same rate; their frames are evenly spread over the interval, like those
 * of independent publishers. Frames that become due while the process is busy are sent at once after that, so that the number of frames does
 * not depend on the machine.
 */
export class Pacer {
  readonly #clock: Clock;
  readonly #tracks: number;
  /** Milliseconds between two frames of any two tracks. */
  readonly #stepMs: number;
  readonly #send: (track: number) => void;
  #startedAt = 0;
  #steps = 0;
  #cancel = (): void => {};

  constructor(clock: Clock, tracks: number, framesPerSecond: number, send: (track: number) => void) {
    this.#clock = clock;
    this.#tracks = tracks;
    this.#stepMs = 1_000 / (framesPerSecond * tracks);
    this.#send = send;
  }

  start(): void {
    this.#startedAt = this.#clock.now();
    this.#turn();
  }

  stop(): void {
    this.#cancel();
  }

  #turn(): void {
    const due = Math.floor((this.#clock.now() - this.#startedAt) / this.#stepMs);
    for (; this.#steps <= due; this.#steps++) this.#send(this.#steps % this.#tracks);
    const wait = this.#startedAt + this.#steps * this.#stepMs - this.#clock.now();
    this.#cancel = this.#clock.timer(Math.max(SHORTEST_WAIT_MS, wait), () => this.#turn());
  }
}
