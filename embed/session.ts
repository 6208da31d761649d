import type { Reason } from "../moq/reason.ts";
import { type Client, connect } from "../relay/client/index.ts";
import { announcements } from "./announcements.ts";
import {
  type Announcement,
  type Broadcast,
  type ConnectOptions,
  type FetchedGroup,
  type FetchOptions,
  MoqmeshError,
  type Session,
  type SessionEnd,
  type SubscribeOptions,
  type Subscription,
} from "./contract.ts";
import { asMoqmeshError } from "./errors.ts";
import { checkConnect, checkFetch, checkSubscribe, relayUrl, TIMEOUT_MS, trustOf } from "./options.ts";
import { PublishedBroadcast } from "./publication.ts";
import { BUFFER_BYTES, IncomingTrack } from "./subscription.ts";

/** Requests of each kind that a session may have open: a program may take part in many tracks at once. */
const MAX_REQUESTS = 1_024;

const SESSION_LIMITS = {
  subscriptionsPerSession: MAX_REQUESTS,
  fetchesPerSession: MAX_REQUESTS,
  pendingStreamsPerSession: MAX_REQUESTS,
  groupsPerSession: MAX_REQUESTS,
  requests: MAX_REQUESTS,
};

const MODEL_LIMITS = { tracksPerBroadcast: MAX_REQUESTS };

/** Defaults of `SubscribeOptions`. */
const PRIORITY = 128;
const MAX_LATENCY_MS = 10_000;

/** Opens a session. Rejects with a `MoqmeshError`, or with the reason of the signal. */
export async function openSession(address: string | URL, options: ConnectOptions): Promise<Session> {
  checkConnect(options);
  const { token, protocols, timeoutMs = TIMEOUT_MS, signal } = options;
  const url = relayUrl(address, token);
  const trust = trustOf(options);
  signal?.throwIfAborted();
  const limits = { session: SESSION_LIMITS, model: MODEL_LIMITS };
  const more = { announcements: false, limits, ...(protocols !== undefined && { protocols }) };
  const connecting = connect(url, { trust, timeoutMs, ...more });
  try {
    const session = new ClientSession(await unlessAborted(() => connecting, signal));
    const abort = () => void session.close();
    signal?.addEventListener("abort", abort, { once: true });
    void session.closed.then(() => signal?.removeEventListener("abort", abort));
    return session;
  } catch (error) {
    if (signal?.aborted) {
      void connecting.then(
        (client) => client.close(),
        () => {},
      );
      throw signal.reason;
    }
    throw asMoqmeshError(error, "dial_failed");
  }
}

/** Rejects with the reason of the signal when that comes first. */
async function unlessAborted<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work();
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work(), aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

class ClientSession implements Session {
  readonly #client: Client;
  /** The reason for which everything of the session ends. */
  readonly #over: Promise<MoqmeshError>;
  readonly closed: Promise<SessionEnd>;
  /** {@link #over}, once it is. */
  #ended: MoqmeshError | undefined;
  /** Paths of the broadcasts of this session. */
  readonly #published = new Set<string>();

  constructor(client: Client) {
    this.#client = client;
    const end = client.closed.then(({ reason: code, message }) => {
      this.#ended = new MoqmeshError(code, sentence(code, message));
      return { end: { code, message }, error: this.#ended };
    });
    this.closed = end.then((ended) => ended.end);
    this.#over = end.then((ended) => ended.error);
  }

  get protocol(): string {
    return this.#client.protocol;
  }

  get rttMs(): number | undefined {
    return this.#client.rttMs;
  }

  get leaving(): Promise<string> {
    return this.#client.leaving;
  }

  announced(prefix = "", { signal }: { readonly signal?: AbortSignal } = {}): AsyncIterable<Announcement> {
    return announcements((onChange) => this.#client.follow(prefix, onChange), this.#over, signal);
  }

  subscribe(broadcast: string, track: string, options: SubscribeOptions = {}): Subscription {
    checkSubscribe(options);
    const { priority = PRIORITY, ordered = false, maxLatencyMs = MAX_LATENCY_MS, signal } = options;
    const incoming = new IncomingTrack(`${broadcast} ${track}`, options.bufferBytes ?? BUFFER_BYTES, signal);
    const asked = { priority, ordered, maxLatency: maxLatencyMs };
    incoming.use(this.#client.subscribe(broadcast, track, asked, incoming.sink));
    return incoming;
  }

  async fetch(broadcast: string, track: string, options: FetchOptions = {}): Promise<FetchedGroup> {
    checkFetch(options);
    const { group, timeoutMs = TIMEOUT_MS, signal } = options;
    try {
      const asked = { broadcast, track, timeoutMs, ...(group !== undefined && { group }) };
      const fetched = await unlessAborted(() => this.#client.fetch(asked), signal);
      return { sequence: fetched.group, frames: fetched.frames };
    } catch (error) {
      signal?.throwIfAborted();
      throw asMoqmeshError(error, "internal");
    }
  }

  publish(path: string): Broadcast {
    if (typeof path !== "string") throw new MoqmeshError("bad_option", "publish: the path must be a text");
    if (this.#ended !== undefined) throw this.#ended;
    const at = path.replace(/^\/+|\/+$/g, "");
    if (this.#published.has(at)) throw new MoqmeshError("duplicate", `publish: this session publishes ${at} already`);
    const broadcast = new PublishedBroadcast(at);
    try {
      const withdraw = this.#client.publish(at, broadcast);
      this.#published.add(at);
      broadcast.announced(() => {
        this.#published.delete(at);
        withdraw();
      });
    } catch (error) {
      throw asMoqmeshError(error, "limit");
    }
    return broadcast;
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function sentence(code: Reason | SessionEnd["code"], message: string): string {
  return `the session has ended: ${message === "" ? code.replaceAll("_", " ") : message}`;
}
