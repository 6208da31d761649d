/** A session with a relay that reconnects when it is lost. */
import { DialError, type Dialled, dial, type Target, type TransportKind } from "./dial.ts";
import { offered } from "./protocols.ts";
import { type Refusal, whyClosed, whyRefused } from "./refusal.ts";
import { untilAborted } from "./until-aborted.ts";

/** Wait after the first failed attempt, in milliseconds; it doubles with each further one. */
const RETRY_FIRST_MS = 500;
/** Longest wait between attempts, in milliseconds. */
const RETRY_MAX_MS = 5000;

/** Milliseconds for the library's handshake over an open transport: several round trips of the longest path, and a few lost packets. */
const HANDSHAKE_MS = 10_000;

/** Milliseconds to wait after the library's end of a session for the end of the transport, which has the relay's reason. */
const LAST_WORDS_MS = 500;

/** The common part of the library's session versions. */
export interface Session {
  readonly version: string;
  readonly closed: Promise<void>;
  close(): void;
}

export type ConnectionState =
  | { readonly kind: "connecting" }
  | {
      readonly kind: "connected";
      readonly transport: TransportKind;
      /** Name of the negotiated protocol, e.g. `moq-lite-05`. */
      readonly protocol: string;
      /** Why the transport is WebSocket although WebTransport was wanted. */
      readonly fallback: string | undefined;
    }
  | { readonly kind: "lost"; readonly reason: string; readonly retryInMs: number }
  /** The relay refused the session and would refuse the next one too, so there is no further attempt. */
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "closed" };

export interface ConnectionOptions<S extends Session> {
  readonly target: Target;
  /** Application protocols of the library, preferred first. */
  readonly protocols: readonly string[];
  /** Runs the library's handshake over an open transport. */
  readonly handshake: (url: URL, session: WebTransport) => Promise<S>;
  /** The path that the session will publish; without permission for it there is no second attempt. */
  readonly publishes?: string;
  readonly onState: (state: ConnectionState) => void;
  /** Called with the new session; with undefined while there is none. */
  readonly onSession: (session: S | undefined) => void;
}

/** Connects at once and reconnects after every loss, until it is closed or the relay refuses it permanently. */
export class Connection<S extends Session> {
  readonly #options: ConnectionOptions<S>;
  readonly #ended = new AbortController();
  /** Ends the current attempt or session, but not later ones. */
  #again = new AbortController();

  constructor(options: ConnectionOptions<S>) {
    this.#options = options;
    void this.#run();
  }

  /** Ends the session permanently. Idempotent. */
  close(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#options.onState({ kind: "closed" });
  }

  /** Drops a silent session and dials again at once. */
  redial(): void {
    this.#again.abort();
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#ended.signal.aborted) {
      this.#options.onState({ kind: "connecting" });
      this.#again = new AbortController();
      const again = this.#again.signal;
      const { connected, text: reason, final } = await this.#once(again);
      if (this.#ended.signal.aborted) return;
      if (again.aborted) continue;
      if (final) {
        this.#options.onState({ kind: "refused", reason });
        return;
      }
      failures = connected ? 0 : failures + 1;
      const retryInMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.max(0, failures - 1));
      this.#options.onState({ kind: "lost", reason, retryInMs });
      await pause(retryInMs, this.#ended.signal);
    }
  }

  /** Asks the relay for the reason, because a browser does not give most reasons to a page. */
  async #lost(connected: boolean, known: Refusal): Promise<Refusal & { readonly connected: boolean }> {
    const { target, publishes } = this.#options;
    const given = this.#ended.signal.aborted || this.#again.signal.aborted;
    const refused = given ? undefined : await whyRefused(target.url, publishes);
    return { connected, ...(refused ?? known) };
  }

  /** One connection, from the attempt to its end. */
  async #once(again: AbortSignal): Promise<Refusal & { readonly connected: boolean }> {
    const { target, protocols, onState, onSession } = this.#options;
    const ended = AbortSignal.any([this.#ended.signal, again]);
    let session: S | undefined;
    let dialled: Dialled | undefined;
    try {
      dialled = await dial(target, offered(protocols, target.protocol), ended);
      session = await this.#agree(dialled.session, ended);
      onState({ kind: "connected", transport: dialled.kind, protocol: session.version, fallback: dialled.fallback });
      onSession(session);
      const aborted = new Promise<void>((resolve) => ended.addEventListener("abort", () => resolve(), { once: true }));
      // The transport has the relay's close code and text; the library's session does not.
      const { closed } = dialled.session;
      await Promise.race([session.closed, closed, aborted]);
      const { closeCode, reason } = (await Promise.race([closed, pause(LAST_WORDS_MS, ended)])) ?? {};
      return await this.#lost(true, whyClosed({ closeCode: closeCode ?? 0, reason: reason ?? "" }));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const connected = session !== undefined;
      return await this.#lost(connected, {
        text: connected ? `The connection was lost: ${reason}` : reason,
        final: false,
      });
    } finally {
      if (session) onSession(undefined);
      session?.close();
      dialled?.session.close();
    }
  }

  /**
   * The library's session over an open transport.
   *
   * @throws DialError when the relay does not answer in time; the reason of `ended` when that aborts first. A later session is closed.
   */
  async #agree(transport: WebTransport, ended: AbortSignal): Promise<S> {
    const { target, handshake } = this.#options;
    const bound = new AbortController();
    const silent = new DialError(`The relay at ${target.url.host} does not answer in the handshake of the session.`);
    const timer = setTimeout(() => bound.abort(silent), HANDSHAKE_MS);
    const agreed = handshake(target.url, transport);
    try {
      return await untilAborted(agreed, AbortSignal.any([ended, bound.signal]));
    } catch (error) {
      agreed.then(
        (late) => late.close(),
        () => undefined,
      );
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    const stop = () => {
      clearTimeout(timer);
      resolve(undefined);
    };
    signal.addEventListener("abort", stop, { once: true });
  });
}
