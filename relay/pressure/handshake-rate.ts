import { Bucket } from "../../auth/index.ts";
import type { Clock } from "../../moq/clock.ts";
import type { Engine } from "../../moq/link.ts";
import { counter, metricGroup } from "../../moq/metrics.ts";

export const HANDSHAKE_METRICS = metricGroup("Handshake rate", {
  limited: counter(
    "handshakes_limited_total",
    "Connections that the relay ignored or cut because more came in a second than `[limits] handshake_rate` allows.",
    { plane: ["quic", "tcp"] },
  ),
});

export interface HandshakeBounds {
  /** Handshakes in a second; 0: no bound. */
  readonly perSecond: number;
  /** Handshakes at once. */
  readonly burst: number;
}

type BoundEngine = Pick<Engine, "limitHandshakes" | "handshakesLimited">;

/**
 * The bound on handshakes that begin in a second, so that a flood or the return of many clients costs no more than that. QUIC and TCP
 * have a bucket each: the engine keeps that of QUIC, and drops a packet before the handshake costs a signature.
 */
export class HandshakeRate {
  readonly #clock: Clock;
  #bounds: HandshakeBounds;
  #bucket: Bucket;
  #engine: BoundEngine | undefined;
  #limited = 0;

  constructor(clock: Clock, bounds: HandshakeBounds) {
    this.#clock = clock;
    this.#bounds = bounds;
    this.#bucket = this.#full();
  }

  /** `engine` applies the bound to QUIC from now on, where it can. */
  use(engine: BoundEngine): void {
    this.#engine = engine;
    engine.limitHandshakes?.(this.#bounds.perSecond, this.#bounds.burst);
  }

  /** Changes the bound. The buckets are full then. */
  set(bounds: HandshakeBounds): void {
    if (bounds.perSecond === this.#bounds.perSecond && bounds.burst === this.#bounds.burst) return;
    this.#bounds = bounds;
    this.#bucket = this.#full();
    this.#engine?.limitHandshakes?.(bounds.perSecond, bounds.burst);
  }

  /** Takes a TCP connection. False, and counted, when it is above the bound. */
  readonly takeTcp = (): boolean => {
    const taken = this.#bounds.perSecond === 0 || this.#bucket.take(1, this.#clock.now());
    if (!taken) this.#limited += 1;
    return taken;
  };

  get limited(): { readonly quic: number; readonly tcp: number } {
    return { quic: this.#engine?.handshakesLimited?.() ?? 0, tcp: this.#limited };
  }

  #full(): Bucket {
    return new Bucket(this.#bounds.perSecond, this.#bounds.burst, this.#clock.now());
  }
}
