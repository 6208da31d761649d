import type { Clock } from "../../moq/clock.ts";
import { STALL_MS } from "./limits.ts";

export interface LivenessOptions {
  readonly clock: Clock;
  /** Milliseconds of silence after which the peer counts as lost. */
  readonly idleTimeoutMs: number;
  /** Milliseconds between probes. */
  readonly keepAliveMs: number;
  /** Sends a probe that the peer must answer. Not called again before {@link Liveness.answered}. */
  readonly probe: () => void;
  readonly timeout: () => void;
}

/** Weight of a new sample in the smoothed round-trip time (RFC 9002 section 5.3). */
const RTT_WEIGHT = 1 / 8;

/**
 * Milliseconds from the first probe to the second; the interval then doubles up to the keep-alive interval. Both ends
 * are busy at the start, so the first sample is often too high, and players choose their buffer by it.
 */
const FIRST_INTERVAL_MS = 250;

/** Probes the peer and detects its silence (draft-lcurley-qmux-websocket section 9). */
export class Liveness {
  readonly #options: LivenessOptions;
  #heardAt = 0;
  #probeDue = 0;
  #interval = FIRST_INTERVAL_MS;
  /** When the unanswered probe was sent. */
  #probedAt: number | undefined;
  #rttMs: number | undefined;
  #cancel: (() => void) | undefined;

  constructor(options: LivenessOptions) {
    this.#options = options;
  }

  /** The round trip. A higher sample is smoothed in, a lower one counts at once; undefined before the first answer. */
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

  /** A message of the peer arrived. */
  heard(): void {
    this.#heardAt = this.#options.clock.now();
  }

  /** The answer to a probe arrived. */
  answered(): void {
    this.heard();
    if (this.#probedAt === undefined) return;
    const sample = this.#heardAt - this.#probedAt;
    this.#probedAt = undefined;
    const known = this.#rttMs;
    // A sample contains the waits of busy programs, so a lower one is closer to the network's round trip.
    this.#rttMs = known === undefined || sample < known ? sample : known + (sample - known) * RTT_WEIGHT;
  }

  /** Probes or times out, as is due. `planned` is when this should have run. */
  #check(planned: number): void {
    const { clock, idleTimeoutMs, keepAliveMs, probe, timeout } = this.#options;
    const now = clock.now();
    // After this process stood still, the peer gets the time of one more probe.
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
