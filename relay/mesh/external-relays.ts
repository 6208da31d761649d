import type { Clock } from "../../moq/clock.ts";
import type { Session } from "../../moq/session/index.ts";
import type { Logger } from "../log/index.ts";
import { facts, whyUnreachable } from "./unreachable.ts";

/** First and longest wait between two dials of one relay, in milliseconds. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;

export interface ExternalRelaysDeps {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly log: Logger;
  /** Rejects when it cannot be reached; `gone` is called at the end of the session. */
  readonly dial: (url: string, gone: () => void) => Promise<Session>;
}

/** Sessions with relays outside the mesh, both ways, made again whenever they end. */
export class ExternalRelays {
  readonly #deps: ExternalRelaysDeps;
  readonly #sessions = new Set<Session>();
  /** Cancel the dials that are due later. */
  readonly #waits = new Set<() => void>();
  #closed = false;

  constructor(deps: ExternalRelaysDeps) {
    this.#deps = deps;
  }

  connect(url: string, waitMs = FIRST_WAIT_MS): void {
    const { log, dial } = this.#deps;
    const { host } = new URL(url);
    let session: Session | undefined;
    const gone = () => {
      if (session === undefined) return;
      this.#sessions.delete(session);
      this.#later(url, FIRST_WAIT_MS);
    };
    dial(url, gone).then(
      (started) => {
        if (this.#closed) {
          started.close(0, "");
          return;
        }
        session = started;
        this.#sessions.add(started);
        log.info({ host, protocol: started.info.protocol }, "relay outside the mesh reached");
      },
      (error: unknown) => {
        const why = whyUnreachable(error);
        log.warn({ host, ...facts(error) }, `the relay ${host} outside the mesh ${why}; trying again`);
        this.#later(url, waitMs);
      },
    );
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#waits) cancel();
    for (const session of this.#sessions) session.close(0, "");
  }

  #later(url: string, waitMs: number): void {
    if (this.#closed) return;
    const { clock, random } = this.#deps;
    const cancel = clock.timer(waitMs * (0.5 + random() / 2), () => {
      this.#waits.delete(cancel);
      this.connect(url, Math.min(LONGEST_WAIT_MS, waitMs * 2));
    });
    this.#waits.add(cancel);
  }
}
