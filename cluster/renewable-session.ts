import type { Clock } from "../moq/clock.ts";

/** What happens to a session that was dialled. */
export interface SessionEvents {
  /** It is over. */
  readonly gone: () => void;
  /** The peer asked us to leave. */
  readonly leaving: () => void;
  /** It ends soon, and a second session can be opened now. May be called several times. */
  readonly renew: () => void;
}

interface Closable {
  close(code: number, reason: string): void;
}

export interface RenewableSessionDeps<S extends Closable> {
  readonly clock: Clock;
  /** Opens a session. Rejects when the peer cannot be reached. */
  readonly dial: (on: SessionEvents) => Promise<S>;
  /** A session was opened and is in use. */
  readonly up: (session: S) => void;
  /** No session could be opened. `error` is absent where one was opened and ended before it could be used. */
  readonly failed: (error?: unknown) => void;
  /** The peer asked us to leave the session in use. */
  readonly leaving?: () => void;
  /** The session in use is over. */
  readonly lost: () => void;
  /** A second session is in use now. `former` still runs: its owner closes it once no part of the relay needs it. */
  readonly replaced: (former: S) => void;
  /** A session that is no longer in use is over. */
  readonly formerGone?: (former: S) => void;
}

/**
 * The session with one peer. Before it ends, a second one is opened and takes its place (make before break), so that users of the session
 * notice no gap. Where no second session can be opened, the first stays in use until it ends. Does no I/O.
 */
export class RenewableSession<S extends Closable> {
  readonly #deps: RenewableSessionDeps<S>;
  #current: S | undefined;
  #renewing = false;
  #closed = false;

  constructor(deps: RenewableSessionDeps<S>) {
    this.#deps = deps;
  }

  /** The session in use. */
  get current(): S | undefined {
    return this.#current;
  }

  /** Opens a first session. `up` or `failed` is called, unless another session is in use or all is closed by then. */
  open(): void {
    this.#dial().then(
      (session) => {
        if (session === undefined) {
          this.#failed();
        } else if (this.#current === undefined) {
          this.#current = session;
          this.#deps.up(session);
        } else {
          session.close(0, "");
        }
      },
      (error: unknown) => this.#failed(error),
    );
  }

  /** Puts a session in use that was not dialled here. Returns the one that it replaces, which the caller closes. */
  use(session: S): S | undefined {
    const former = this.#current;
    this.#current = session;
    return former;
  }

  /** No session is in use any more. Returns the one that was, which the caller closes. */
  release(): S | undefined {
    const former = this.#current;
    this.#current = undefined;
    return former;
  }

  /** Closes the session in use. No event is reported any more. */
  close(code: number): void {
    this.#closed = true;
    this.#current?.close(code, "");
  }

  /** A session; nothing when it has ended, or all is closed, by the time that it is open. */
  async #dial(): Promise<S | undefined> {
    const { clock, dial, formerGone } = this.#deps;
    let session: S | undefined;
    let ended = false;
    const current = () => session !== undefined && this.#current === session && !this.#closed;
    let early = false;
    const leaving = () => {
      early = session === undefined;
      if (current()) this.#deps.leaving?.();
    };
    const opened = await dial({
      gone: () => {
        if (ended) return;
        ended = true;
        if (current()) this.#lost();
        else if (session !== undefined && !this.#closed) formerGone?.(session);
      },
      leaving,
      renew: () => {
        if (session !== undefined && current()) this.#renew(session);
      },
    });
    session = opened;
    if (ended || this.#closed) {
      opened.close(0, "");
      return undefined;
    }
    // The peer asked us to leave before `dial` resolved.
    if (early) clock.timer(0, leaving);
    return opened;
  }

  #renew(former: S): void {
    if (this.#renewing) return;
    this.#renewing = true;
    this.#dial()
      .then((session) => {
        if (session === undefined) return;
        if (this.#current !== former) {
          session.close(0, "");
          return;
        }
        this.#current = session;
        this.#deps.replaced(former);
      })
      .catch(() => {})
      .finally(() => {
        this.#renewing = false;
      });
  }

  #lost(): void {
    this.#current = undefined;
    this.#deps.lost();
  }

  #failed(error?: unknown): void {
    if (!this.#closed) this.#deps.failed(error);
  }
}
