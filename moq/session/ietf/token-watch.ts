import type { Reason } from "../../reason.ts";
import type { SessionContext } from "../context.ts";
import type { PresentedAccess } from "../contract.ts";

/** Milliseconds between two checks whether the tokens of running requests still hold. */
const CHECK_MS = 1_000;

/** A running request that brought a token of its own. */
interface Running {
  readonly access: PresentedAccess;
  readonly end: (reason: Reason) => void;
}

/** Ends requests whose own token no longer holds. */
export class TokenWatch {
  readonly #session: SessionContext;
  readonly #running = new Set<Running>();
  #cancel: (() => void) | undefined;

  constructor(session: SessionContext) {
    this.#session = session;
  }

  /** Calls `end` when the token no longer holds, until the returned function is called. */
  add(access: PresentedAccess, end: (reason: Reason) => void): () => void {
    const running = { access, end };
    this.#running.add(running);
    this.#schedule();
    return () => {
      this.#running.delete(running);
    };
  }

  /** The session is over. */
  close(): void {
    this.#cancel?.();
    this.#running.clear();
  }

  #schedule(): void {
    this.#cancel ??= this.#session.deps.clock.timer(CHECK_MS, () => {
      this.#cancel = undefined;
      this.#session.guard(() => {
        for (const { access, end } of [...this.#running]) {
          const over = access.check();
          if (over !== undefined) end(over);
        }
      });
      if (this.#running.size > 0) this.#schedule();
    });
  }
}
