/** A session with a relay that comes back by itself after it is lost. */
import { type Dialled, dial, type Target, type TransportKind } from "./dial.ts";
import { type Refusal, whyClosed, whyRefused } from "./refusal.ts";

/** Waiting time after the first failed attempt, in milliseconds; doubles with each further one. */
const RETRY_FIRST_MS = 500;
/** Longest waiting time between attempts, in milliseconds. */
const RETRY_MAX_MS = 5000;

/** Milliseconds between the library's end of a session and the transport's, which has the relay's reason. */
const LAST_WORDS_MS = 500;

/** What every version of the library's sessions has. */
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
      /** Why it is WebSocket although WebTransport was wanted. */
      readonly fallback: string | undefined;
    }
  | { readonly kind: "lost"; readonly reason: string; readonly retryInMs: number }
  /** The relay does not want this session, and would not the next time: there is no further attempt. */
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "closed" };

export interface ConnectionOptions<S extends Session> {
  readonly target: Target;
  /** Application protocols that the library at hand speaks, best first. */
  readonly protocols: readonly string[];
  /** Runs the library's handshake over an open transport. */
  readonly handshake: (url: URL, session: WebTransport) => Promise<S>;
  /** What the session will publish: without the right to, there is no second attempt. */
  readonly publishes?: string;
  readonly onState: (state: ConnectionState) => void;
  /** The session to use from now on, or nothing while there is none. */
  readonly onSession: (session: S | undefined) => void;
}

/** Connects at once and again after every loss, until closed or refused for good. */
export class Connection<S extends Session> {
  readonly #options: ConnectionOptions<S>;
  readonly #ended = new AbortController();
  /** Ends the attempt or session of now, and not those after it. */
  #again = new AbortController();

  constructor(options: ConnectionOptions<S>) {
    this.#options = options;
    void this.#run();
  }

  /** Ends the session for good. Idempotent. */
  close(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#options.onState({ kind: "closed" });
  }

  /** Gives the session up, which is silent, and dials again at once. */
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

  /** A browser keeps most reasons from the page, so the relay is asked. */
  async #lost(connected: boolean, known: Refusal): Promise<Refusal & { readonly connected: boolean }> {
    const { target, publishes } = this.#options;
    const given = this.#ended.signal.aborted || this.#again.signal.aborted;
    const refused = given ? undefined : await whyRefused(target.url, publishes);
    return { connected, ...(refused ?? known) };
  }

  /** One connection from its attempt to its end. */
  async #once(again: AbortSignal): Promise<Refusal & { readonly connected: boolean }> {
    const { target, protocols, handshake, onState, onSession } = this.#options;
    const ended = AbortSignal.any([this.#ended.signal, again]);
    let session: S | undefined;
    let dialled: Dialled | undefined;
    try {
      dialled = await dial(target, protocols, ended);
      session = await handshake(target.url, dialled.session);
      ended.throwIfAborted();
      onState({ kind: "connected", transport: dialled.kind, protocol: session.version, fallback: dialled.fallback });
      onSession(session);
      const aborted = new Promise<void>((resolve) => ended.addEventListener("abort", () => resolve(), { once: true }));
      // The transport knows with which code and text the relay closed; the library's session does not tell.
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
