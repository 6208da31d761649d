import type { Clock } from "../../moq/clock.ts";
import type { Port } from "./port.ts";
import type { RecvHalf } from "./recv-half.ts";

/**
 * STOP_SENDING frames that a link sends in its life, for peers' streams of each kind. The addon's QUIC stack grants 256
 * streams and never gives back the credit of a stream that was stopped before its end. Once half of them are lost this
 * way, the link reads what still arrives on a stopped stream and discards it.
 */
const MAX_STOPS = 128;

/**
 * Milliseconds by which STOP_SENDING on a bidirectional stream comes after the call. The end of this end's half, which
 * the program often asks for in the same turn, must go first: a peer with this engine that gets both at once never sees
 * the stop (see `Probes`).
 */
const BIDI_STOP_DELAY_MS = 200;

/** Sends STOP_SENDING for the receive halves of one link, while the addon can afford it. */
export class StopSending {
  readonly #port: Port;
  readonly #clock: Clock;
  #uni = 0;
  #bidi = 0;
  #ended = false;

  constructor(port: Port, clock: Clock) {
    this.#port = port;
    this.#clock = clock;
  }

  send(half: RecvHalf, nativeId: number, code: number): void {
    if (!this.#allowed(half)) return;
    if (!half.bidi) {
      this.#port.stopSending(nativeId, code);
      return;
    }
    this.#clock.timer(BIDI_STOP_DELAY_MS, () => {
      if (!this.#ended) this.#port.stopSending(nativeId, code);
    });
  }

  /** Sends no more. */
  end(): void {
    this.#ended = true;
  }

  /** Stopping a stream of this end costs no credit. */
  #allowed(half: RecvHalf): boolean {
    if (half.local) return true;
    if (half.bidi) this.#bidi += 1;
    else this.#uni += 1;
    return (half.bidi ? this.#bidi : this.#uni) <= MAX_STOPS;
  }
}
