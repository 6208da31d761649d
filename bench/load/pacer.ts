import type { Clock } from "../../moq/clock.ts";

/** Shortest wait between two looks at the clock, in milliseconds: Node's timers know no less. */
const SHORTEST_WAIT_MS = 1;

/**
 * Tells when which track sends its next frame: every track at the same rate, evenly spread over the interval as
 * publishers that know nothing of each other would be. What falls due while the process is busy is made up at once, so
 * that the number of frames does not depend on the machine.
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
