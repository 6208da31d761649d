import { MAX_TURN_FRAMES } from "./limits.ts";

/**
 * Decides whether a link's socket is read. It is not read while the program asks for a pause, nor for the rest of a
 * turn in which many frames arrived, so that other sockets have their turn.
 */
export class Reading {
  readonly #pause: (paused: boolean) => void;
  #frames = 0;
  #wanted = true;
  #paused = false;

  constructor(pause: (paused: boolean) => void) {
    this.#pause = pause;
  }

  /** Counts the frames of a message; a message without frames counts too. */
  addFrames(frames: number): void {
    this.#frames += frames + 1;
    this.#apply();
  }

  /** The program wants events, or wants a pause. */
  want(wanted: boolean): void {
    this.#wanted = wanted;
    this.#apply();
  }

  /** A turn has ended. */
  turn(): void {
    this.#frames = 0;
    this.#apply();
  }

  /** Resumes reading for good, so that the socket's end is read. */
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
