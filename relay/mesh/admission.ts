import type { Clock } from "../../moq/clock.ts";
import { TransportError } from "../../moq/link.ts";
import type { SessionReport } from "../../moq/session/index.ts";

/** Milliseconds for a relay that has answered to say who it is, which it does with its first message. */
const ADMIT_MS = 3_000;

/**
 * Whether a relay that was dialled has taken the session in. It has when it says who it is. A relay whose engine answers before
 * the relay is asked (docs/engines.md) refuses by ending the session, with the HTTP status as the code.
 */
export class Admission {
  readonly #outcome = Promise.withResolvers<void>();
  #decided = false;

  constructor() {
    // It is not awaited where the dial itself fails.
    this.#outcome.promise.catch(() => {});
  }

  identified(): void {
    this.#decided = true;
    this.#outcome.resolve();
  }

  /** The session is over. False where it was never taken in: then its dial fails. */
  closed({ code, message, reason }: Pick<SessionReport, "code" | "message" | "reason">): boolean {
    if (this.#decided) return true;
    this.#decided = true;
    const refused = code >= 400 && code < 600;
    const text = message === "" ? reason : message;
    this.#outcome.reject(
      refused
        ? new TransportError("dial_rejected", `refused: ${text}`, { status: code })
        : new TransportError("dial_failed", `the session ended at once: ${text}`),
    );
    return false;
  }

  /** Resolves when the session is taken in, or nothing was heard for some time. Rejects with {@link TransportError}. */
  async done(clock: Clock): Promise<void> {
    const cancel = clock.timer(ADMIT_MS, () => this.identified());
    try {
      await this.#outcome.promise;
    } finally {
      cancel();
    }
  }
}
