import type { Clock } from "../../moq/clock.ts";
import { STALL_MS } from "./limits.ts";

export interface LivenessOptions {
  readonly clock: Clock;
  /** Milliseconds of silence after which the peer counts as gone. */
  readonly idleTimeoutMs: number;
  /** Milliseconds between probes. */
  readonly keepAliveMs: number;
  /** Shall elicit an answer; not called again before {@link Liveness.answered}. */
  readonly probe: () => void;
  readonly timeout: () => void;
}

/** Weight of a new sample in the smoothed round-trip time (RFC 9002 section 5.3). */
const RTT_WEIGHT = 1 / 8;

/**
 * Milliseconds from the first probe to the second; doubles up to the keep-alive interval. The first sample is taken
 * while both ends are busy with their start, and players choose their buffer by what they are told of it.
 */
const FIRST_INTERVAL_MS = 250;

/** Probes the peer and notices its silence (draft-lcurley-qmux-websocket section 9). */
export class Liveness {
  readonly #options: LivenessOptions;
  #heardAt = 0;
  #probeDue = 0;
  #interval = FIRST_INTERVAL_MS;
  /** When the probe that is out was sent. */
  #probedAt: number | undefined;
  #rttMs: number | undefined;
  #cancel: (() => void) | undefined;

  constructor(options: LivenessOptions) {
    this.#options = options;
  }

  /** Smoothed upwards, downwards at once; undefined before the first answer. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  start(): void {
    const now = this.#options.clock.now();
    this.#heardAt = now;
    this.#probeDue = now;
    this.#check(now);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Anything came from the peer. */
  heard(): void {
    this.#heardAt = this.#options.clock.now();
  }

  /** The answer to a probe came. */
  answered(): void {
    this.heard();
    if (this.#probedAt === undefined) return;
    const sample = this.#heardAt - this.#probedAt;
    this.#probedAt = undefined;
    const known = this.#rttMs;
    // A probe waits for busy programs as well as for the network: a lower sample is the truer one.
    this.#rttMs = known === undefined || sample < known ? sample : known + (sample - known) * RTT_WEIGHT;
  }

  /** Does what is due; `planned` is when this should have run. */
  #check(planned: number): void {
    const { clock, idleTimeoutMs, keepAliveMs, probe, timeout } = this.#options;
    const now = clock.now();
    // After a standstill of this process the peer gets the time of one probe more.
    if (now - planned > STALL_MS) this.#heardAt = Math.max(this.#heardAt, now - idleTimeoutMs + keepAliveMs);
    if (now - this.#heardAt >= idleTimeoutMs) {
      this.#cancel = undefined;
      timeout();
      return;
    }
    if (now >= this.#probeDue) {
      this.#probeDue = now + Math.min(this.#interval, keepAliveMs);
      this.#interval = Math.min(this.#interval * 2, keepAliveMs);
      if (this.#probedAt === undefined) {
        this.#probedAt = now;
        probe();
      }
    }
    const next = Math.min(this.#probeDue, this.#heardAt + idleTimeoutMs);
    this.#cancel = clock.timer(next - now, () => this.#check(next));
  }
}
