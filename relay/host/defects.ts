import { Bucket } from "../../auth/index.ts";
import type { Clock } from "../../moq/clock.ts";
import type { Counters } from "../../moq/counters.ts";
import type { Logger } from "../log/index.ts";

/** Most lines per second about defects, so that a repeated one cannot fill the disk. All are counted. */
const LINES_PER_SECOND = 1;
const LINES_AT_ONCE = 10;

/** Counts and logs errors that the program does not expect. Only the session or request in which one happened ends. */
export class Defects {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #lines: Bucket;
  #unlogged = 0;

  constructor({ log, clock, counters }: { log: Logger; clock: Clock; counters: Counters }) {
    this.#log = log;
    this.#clock = clock;
    this.#counters = counters;
    this.#lines = new Bucket(LINES_PER_SECOND, LINES_AT_ONCE, clock.now());
  }

  /** `where` ends a sentence, such as `in a session`. */
  report(where: string, err: unknown, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#counters.defects++;
    if (!this.#lines.take(1, this.#clock.now())) {
      this.#unlogged++;
      return;
    }
    const unlogged = this.#unlogged > 0 ? { unlogged: this.#unlogged } : {};
    this.#unlogged = 0;
    this.#log.error({ err, ...fields, ...unlogged }, `internal error ${where}; please report it`);
  }
}
