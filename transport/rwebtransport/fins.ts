import type { Clock } from "../../moq/clock.ts";
import type { SendHalf } from "./send-half.ts";

/**
 * A FIN that is sent alone, after the last data, can be lost for good: when its packet is lost and the data is
 * acknowledged before the loss is detected, the QUIC stack treats the stream as complete. The peer would wait for the
 * end, and never give back the credit of the stream. So such a FIN waits until the data should have been acknowledged:
 * round trips plus milliseconds (a peer may delay an acknowledgement by 25 ms, RFC 9000 section 18.2) after the last
 * write, rounded up to steps so that the FINs of many links are sent together.
 */
const WAIT_RTTS = 2;
const WAIT_EXTRA_MS = 25;
const WAIT_STEP_MS = 25;

/** Round trip in milliseconds while none was measured. */
const UNKNOWN_RTT_MS = 50;

/**
 * FINs that may follow their data at once, per link and tick. They nearly always share the data's packet. But the
 * addon's thread may execute the one command before it gets the other; on a busy link that happens sooner or later.
 */
const MAX_DIRECT = 100;

/** Decides when the FINs of a link are sent. */
export class Fins {
  readonly #clock: Clock;
  readonly #due: (half: SendHalf) => void;
  /** Halves whose FIN waits, in order of arrival, which is nearly the order in which they are due. */
  readonly #waiting = new Set<SendHalf>();
  #wait = waitOf(UNKNOWN_RTT_MS);
  /** The path loses packets: no FIN may follow its data at once. */
  #lossy = false;
  #direct = 0;
  #cancel: (() => void) | undefined;

  /** `due` gets the halves for which `isDue` returned false before. */
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

  /** Whether a FIN may be sent together with the last data. */
  mayFollowAtOnce(): boolean {
    if (this.#lossy || this.#direct >= MAX_DIRECT) return false;
    this.#direct += 1;
    return true;
  }

  /** Whether the FIN may be sent alone, after all data was accepted. If not, `due` is called later. */
  isDue(half: SendHalf): boolean {
    if (this.#clock.now() - half.progressAt >= this.#wait) return true;
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
      const left = half.progressAt + this.#wait - now;
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
