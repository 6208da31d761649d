import type { Clock } from "../../moq/clock.ts";
import type { Session } from "../../moq/session/index.ts";
import { BackOff } from "../back-off.ts";

/** First and longest wait between two dials of one relay, in milliseconds. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;

export interface ExternalRelayEvents {
  readonly externalReached: (host: string, protocol: string) => void;
  /** It is dialled again. */
  readonly externalUnreachable: (host: string, error: unknown) => void;
}

export interface ExternalRelaysDeps {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Rejects when the relay cannot be reached; `gone` is called at the end of the session. */
  readonly dial: (url: string, gone: () => void) => Promise<Session>;
  readonly events: ExternalRelayEvents;
}

/** Sessions with relays outside the mesh, both ways; each is opened again whenever it ends. */
export class ExternalRelays {
  readonly #deps: ExternalRelaysDeps;
  readonly #sessions = new Set<Session>();
  /** Cancel the dials that are due later. */
  readonly #waits = new Set<() => void>();
  #closed = false;

  constructor(deps: ExternalRelaysDeps) {
    this.#deps = deps;
  }

  connect(url: string): void {
    const { random } = this.#deps;
    this.#dial(url, new BackOff({ firstMs: FIRST_WAIT_MS, longestMs: LONGEST_WAIT_MS, random }));
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#waits) cancel();
    for (const session of this.#sessions) session.close(0, "");
  }

  #dial(url: string, backOff: BackOff): void {
    const { events, dial } = this.#deps;
    const { host } = new URL(url);
    let session: Session | undefined;
    const gone = () => {
      if (session === undefined) return;
      this.#sessions.delete(session);
      backOff.reset();
      this.#dialLater(url, backOff);
    };
    dial(url, gone).then(
      (started) => {
        if (this.#closed) {
          started.close(0, "");
          return;
        }
        session = started;
        this.#sessions.add(started);
        events.externalReached(host, started.info.protocol);
      },
      (error: unknown) => {
        events.externalUnreachable(host, error);
        this.#dialLater(url, backOff);
      },
    );
  }

  #dialLater(url: string, backOff: BackOff): void {
    if (this.#closed) return;
    const cancel = this.#deps.clock.timer(backOff.next(), () => {
      this.#waits.delete(cancel);
      this.#dial(url, backOff);
    });
    this.#waits.add(cancel);
  }
}
