import type { Clock } from "../../moq/clock.ts";
import type { SendHalf } from "./send-half.ts";

/**
 * A FIN that goes out by itself, after the last data, is lost for good when its packet is lost and the data is
 * acknowledged before that shows: the QUIC stack then takes the stream for complete. The peer would wait for the end,
 * and its credit for the stream would never come back. Such a FIN therefore waits until the data should have been
 * acknowledged: round-trip times and milliseconds (a peer may hold an acknowledgement back for 25, RFC 9000 section
 * 18.2) after the last write, rounded up to steps so that the FINs of many links go out together.
 */
const WAIT_RTTS = 2;
const WAIT_EXTRA_MS = 25;
const WAIT_STEP_MS = 25;

/** Round-trip time that is assumed while none is known, in milliseconds. */
const UNKNOWN_RTT_MS = 50;

/**
 * FINs that may follow their data at once, per link and tick. They nearly always share its packet, but the addon's
 * thread may take the one command before it sees the other, which the chances of a busy link make certain.
 */
const MAX_DIRECT = 100;

/** When the FINs of a link go out. */
export class Fins {
  readonly #clock: Clock;
  readonly #due: (half: SendHalf) => void;
  /** Halves whose FIN waits, in the order in which they came, which is nearly that in which they are due. */
  readonly #waiting = new Set<SendHalf>();
  #wait = waitOf(UNKNOWN_RTT_MS);
  /** Packets are being lost: no FIN may follow its data at once. */
  #lossy = false;
  #direct = 0;
  #cancel: (() => void) | undefined;

  /** `due` is told of halves that `isDue` said no to before. */
  constructor(clock: Clock, due: (half: SendHalf) => void) {
    this.#clock = clock;
    this.#due = due;
  }

  setPath(rttMs: number, lossy: boolean): void {
    this.#wait = waitOf(rttMs);
    this.#lossy = lossy;
  }

  tick(): void {
    this.#direct = 0;
  }

  /** Together with the last data. */
  mayFollowAtOnce(): boolean {
    if (this.#lossy || this.#direct >= MAX_DIRECT) return false;
    this.#direct += 1;
    return true;
  }

  /** All data was taken before. If it is too early, `due` is called later. */
  isDue(half: SendHalf): boolean {
    if (this.#clock.now() - half.sentAt >= this.#wait) return true;
    this.#waiting.add(half);
    this.#cancel ??= this.#clock.timer(this.#wait, this.#look);
    return false;
  }

  forget(half: SendHalf): void {
    this.#waiting.delete(half);
  }

  end(): void {
    this.#cancel?.();
    this.#waiting.clear();
  }

  readonly #look = (): void => {
    this.#cancel = undefined;
    const now = this.#clock.now();
    for (const half of this.#waiting) {
      const left = half.sentAt + this.#wait - now;
      if (left > 0) {
        this.#cancel = this.#clock.timer(Math.max(WAIT_STEP_MS / 2, left), this.#look);
        return;
      }
      this.#waiting.delete(half);
      this.#due(half);
    }
  };
}

function waitOf(rttMs: number): number {
  return WAIT_STEP_MS * Math.ceil((WAIT_RTTS * rttMs + WAIT_EXTRA_MS) / WAIT_STEP_MS);
}
