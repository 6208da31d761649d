import { randomInt } from "node:crypto";

/** Digits and letters of the random part: six of these tell the starts of two billion processes apart. */
const RANDOM_LENGTH = 6;
const RADIX = 36;

/**
 * Ids of sessions and of clients that asked for one, such as `k3x9af-17`: the same in every log line, refusal, webhook and answer of the
 * admin API. The random part differs at each start, so that an id is not used twice in a mesh; the number counts up.
 */
export class SessionIds {
  readonly #start = randomInt(RADIX ** RANDOM_LENGTH)
    .toString(RADIX)
    .padStart(RANDOM_LENGTH, "0");
  #last = 0;

  next(): string {
    this.#last += 1;
    return `${this.#start}-${this.#last}`;
  }
}
