import type { Clock } from "../../moq/clock.ts";

export interface LivenessOptions {
  readonly clock: Clock;
  readonly idleTimeoutMs: number;
  /** 0 sends no probes. */
  readonly keepAliveMs: number;
  readonly probe: () => void;
  readonly timeout: () => void;
}

/** Probes a silent peer and reports its time-out. It has one timer, which arriving packets do not reset. */
export class Liveness {
  readonly #options: LivenessOptions;
  #heardAt: number;
  #probedAt: number;
  #cancel: () => void = () => {};

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#heardAt = options.clock.now();
    this.#probedAt = this.#heardAt;
    this.#arm();
  }

  heard(): void {
    this.#heardAt = this.#options.clock.now();
  }

  stop(): void {
    this.#cancel();
  }

  get #timeoutAt(): number {
    return this.#heardAt + this.#options.idleTimeoutMs;
  }

  get #probeAt(): number {
    const { keepAliveMs } = this.#options;
    return keepAliveMs > 0 ? Math.max(this.#heardAt, this.#probedAt) + keepAliveMs : Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    const { clock } = this.#options;
    const next = Math.min(this.#timeoutAt, this.#probeAt);
    this.#cancel = clock.timer(Math.max(0, next - clock.now()), this.#due);
  }

  readonly #due = (): void => {
    const { clock, probe, timeout } = this.#options;
    const now = clock.now();
    if (now >= this.#timeoutAt) {
      timeout();
      return;
    }
    if (now >= this.#probeAt) {
      this.#probedAt = now;
      probe();
    }
    this.#arm();
  };
}
