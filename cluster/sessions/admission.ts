import type { Clock } from "../../moq/clock.ts";
import { TransportError } from "../../moq/link.ts";
import type { SessionReport } from "../../moq/session/index.ts";

/** Milliseconds that a relay which accepted the link has to identify itself, which it does in its first message. */
const ADMIT_MS = 3_000;

/**
 * Whether a dialled relay admitted the session: it did when it identifies itself. The engine of some relays accepts the link before
 * the relay decides (docs/engines.md); such a relay refuses by ending the session, with the HTTP status as the code.
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

  /** The session is over. False where the relay never admitted it: then its dial fails. */
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

  /** Resolves when the session is admitted, or after {@link ADMIT_MS} without an answer. Rejects with {@link TransportError}. */
  async done(clock: Clock): Promise<void> {
    const cancel = clock.timer(ADMIT_MS, () => this.identified());
    try {
      await this.#outcome.promise;
    } finally {
      cancel();
    }
  }
}
