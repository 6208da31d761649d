/** A session with a relay that comes back by itself after it is lost. */
import { type Dialled, dial, type Target, type TransportKind } from "./dial.ts";

/** Waiting time after the first failed attempt, in milliseconds; doubles with each further one. */
const RETRY_FIRST_MS = 500;
/** Longest waiting time between attempts, in milliseconds. */
const RETRY_MAX_MS = 5000;

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
  | { readonly kind: "closed" };

export interface ConnectionOptions<S extends Session> {
  readonly target: Target;
  /** Application protocols that the library at hand speaks, best first. */
  readonly protocols: readonly string[];
  /** Runs the library's handshake over an open transport. */
  readonly handshake: (url: URL, session: WebTransport) => Promise<S>;
  readonly onState: (state: ConnectionState) => void;
  /** The session to use from now on, or nothing while there is none. */
  readonly onSession: (session: S | undefined) => void;
}

/** Connects at once and again after every loss, until closed. */
export class Connection<S extends Session> {
  readonly #options: ConnectionOptions<S>;
  readonly #ended = new AbortController();

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

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#ended.signal.aborted) {
      this.#options.onState({ kind: "connecting" });
      const { connected, reason } = await this.#once();
      if (this.#ended.signal.aborted) return;
      failures = connected ? 0 : failures + 1;
      const retryInMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.max(0, failures - 1));
      this.#options.onState({ kind: "lost", reason, retryInMs });
      await pause(retryInMs, this.#ended.signal);
    }
  }

  /** One connection from its attempt to its end. */
  async #once(): Promise<{ connected: boolean; reason: string }> {
    const { target, protocols, handshake, onState, onSession } = this.#options;
    const ended = this.#ended.signal;
    let session: S | undefined;
    let dialled: Dialled | undefined;
    try {
      dialled = await dial(target, protocols, ended);
      session = await handshake(target.url, dialled.session);
      ended.throwIfAborted();
      onState({ kind: "connected", transport: dialled.kind, protocol: session.version, fallback: dialled.fallback });
      onSession(session);
      const aborted = new Promise<void>((resolve) => ended.addEventListener("abort", () => resolve(), { once: true }));
      await Promise.race([session.closed, aborted]);
      return { connected: true, reason: "The relay ended the connection." };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { connected: session !== undefined, reason: session ? `The connection was lost: ${reason}` : reason };
    } finally {
      if (session) onSession(undefined);
      session?.close();
      dialled?.session.close();
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const stop = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener("abort", stop, { once: true });
  });
}
