import { MAX_TURN_FRAMES } from "./limits.ts";

/**
 * Whether the socket of a connection is read: not while the program asks for a pause, and not for the rest of a turn in which
 * many frames came, so that other sockets have their turn.
 */
export class Reading {
  readonly #pause: (paused: boolean) => void;
  #frames = 0;
  #wanted = true;
  #paused = false;

  constructor(pause: (paused: boolean) => void) {
    this.#pause = pause;
  }

  /** A message came with so many frames; one without any is work as well. */
  took(frames: number): void {
    this.#frames += frames + 1;
    this.#apply();
  }

  /** The program wants events, or no more for now. */
  want(wanted: boolean): void {
    this.#wanted = wanted;
    this.#apply();
  }

  /** A turn is over. */
  turn(): void {
    this.#frames = 0;
    this.#apply();
  }

  /** The end of the socket is awaited, which has to be read. */
  end(): void {
    this.#wanted = true;
    this.turn();
  }

  #apply(): void {
    const paused = !this.#wanted || this.#frames > MAX_TURN_FRAMES;
    if (paused === this.#paused) return;
    this.#paused = paused;
    this.#pause(paused);
  }
}
