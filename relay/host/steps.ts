import type { Clock } from "../../moq/clock.ts";
import { TransportError } from "../../moq/link.ts";

/** Milliseconds that one step of the start may take: a file system or a name server that hangs never answers. */
const STEP_MS = 30_000;

/** The start was cancelled from outside, for example by a signal. */
export class StartEnded extends Error {
  override readonly name = "StartEnded";
}

/** Runs the steps of a start, each with a time limit, until the start is cancelled. */
export class Steps {
  readonly #clock: Clock;
  readonly #end: AbortSignal | undefined;

  constructor(clock: Clock, end: AbortSignal | undefined) {
    this.#clock = clock;
    this.#end = end;
  }

  /** `what` is a noun, such as `the certificate`. The later result of a cancelled step is ignored. */
  async run<T>(what: string, step: () => Promise<T>): Promise<T> {
    const givenUp = Promise.withResolvers<never>();
    const end = () => givenUp.reject(new StartEnded(`the start was cancelled while ${what} was prepared`));
    if (this.#end?.aborted === true) end();
    this.#end?.addEventListener("abort", end);
    const cancel = this.#clock.timer(STEP_MS, () => {
      const message = `the start hangs: ${what} was not ready after ${STEP_MS / 1000} s; a file system or a service that it needs does not answer`;
      givenUp.reject(new TransportError("start_hangs", message));
    });
    try {
      return await Promise.race([givenUp.promise, step()]);
    } finally {
      cancel();
      this.#end?.removeEventListener("abort", end);
    }
  }
}
