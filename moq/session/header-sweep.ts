import type { Clock } from "../clock.ts";

/** A stream of the peer whose first message is not complete. */
export interface Unopened {
  refuse(reason: "timeout"): void;
}

export interface HeaderSweepDeps {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** One more stream is refused. */
  readonly count: () => void;
}

/** Refuses streams whose first message is not complete in time. One timer serves all of them. */
export class HeaderSweep {
  readonly #deps: HeaderSweepDeps;
  /** When each of them began; oldest first. */
  readonly #since = new Map<Unopened, number>();
  #cancel: (() => void) | undefined;

  constructor(deps: HeaderSweepDeps) {
    this.#deps = deps;
  }

  /** `stream` has just begun. */
  add(stream: Unopened): void {
    const { clock, timeoutMs } = this.#deps;
    this.#since.set(stream, clock.now());
    this.#cancel ??= clock.timer(timeoutMs, () => this.#sweep());
  }

  /** The first message of `stream` is complete, or the stream is over. */
  delete(stream: Unopened): void {
    this.#since.delete(stream);
  }

  close(): void {
    this.#cancel?.();
    this.#since.clear();
  }

  #sweep(): void {
    this.#cancel = undefined;
    const { clock, timeoutMs, count } = this.#deps;
    const now = clock.now();
    for (const [stream, since] of this.#since) {
      const left = since + timeoutMs - now;
      if (left > 0) {
        this.#cancel = clock.timer(left, () => this.#sweep());
        return;
      }
      this.#since.delete(stream);
      count();
      stream.refuse("timeout");
    }
  }
}
