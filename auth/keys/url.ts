import type { AuthClock } from "../clock.ts";
import { AuthError } from "../error.ts";
import { type Fetch, getText } from "../http.ts";
import { type Ignored, type Key, parsePublishedSet } from "./key.ts";
import type { KeyRing, KeySource } from "./ring.ts";

/** Milliseconds within which a key server must answer. */
const FETCH_TIMEOUT_MS = 5_000;

export interface UrlKeysOptions {
  readonly url: URL;
  readonly clock: AuthClock;
  readonly ring: KeyRing;
  readonly warn: (message: string, error?: unknown) => void;
  readonly fetch: Fetch;
  /** Milliseconds after which the set is fetched again. */
  readonly refreshMs: number;
  /** Shortest time between two fetches in milliseconds, however many unknown `kid`s tokens name. */
  readonly cooldownMs: number;
  /** Milliseconds for which the last good set stays in use while the URL does not answer. */
  readonly keepMs: number;
}

/**
 * Keys of a JWK set at a URL. The set is fetched at the start, every `refreshMs`, and when a token names a `kid` that is not in it, at most
 * once per `cooldownMs`. While the URL fails, the last good set stays in use for `keepMs`.
 */
export class UrlKeys {
  readonly #options: UrlKeysOptions;
  readonly #source: KeySource;
  #fetchedAt: number | undefined;
  #triedAt: number | undefined;
  #running: Promise<void> | undefined;
  #cancel = () => {};
  #closed = false;
  /** Why the last fetch failed; undefined after one that succeeded. */
  #failure: string | undefined;
  /** The warnings that were logged last, so that the same ones are not repeated. */
  #warned = "";

  constructor(options: UrlKeysOptions) {
    this.#options = options;
    const { url } = options;
    this.#source = { place: "url", name: `the URL ${url.origin}${url.pathname}` };
  }

  /** Fetches for the first time. A failure is logged and retried, because the key server may start after the relay. */
  async start(): Promise<void> {
    await this.refresh();
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  /** True while there is a set that is recent enough to use. */
  get fresh(): boolean {
    return this.#fetchedAt !== undefined && this.#options.clock.now() - this.#fetchedAt < this.#options.keepMs;
  }

  get failure(): string | undefined {
    return this.#failure;
  }

  /** Milliseconds since the set was fetched; undefined when it never was. */
  get ageMs(): number | undefined {
    return this.#fetchedAt === undefined ? undefined : this.#options.clock.now() - this.#fetchedAt;
  }

  /** Throws {@link AuthError} `keys_unavailable` when there is no set that is recent enough to use. */
  check(): void {
    if (!this.fresh)
      throw new AuthError("keys_unavailable", "the key server cannot be reached, so no token is accepted");
  }

  /** Fetches again, unless the last fetch was less than `cooldownMs` ago. Never rejects. */
  async refresh(): Promise<void> {
    const { clock, cooldownMs } = this.#options;
    const cooling = this.#triedAt !== undefined && clock.now() - this.#triedAt < cooldownMs;
    if (this.#running === undefined && cooling) return;
    await this.#fetchOnce();
  }

  async #fetchOnce(): Promise<void> {
    if (this.#running === undefined) {
      if (this.#closed) return;
      this.#triedAt = this.#options.clock.now();
      this.#running = this.#fetch().finally(() => {
        this.#running = undefined;
      });
    }
    await this.#running;
  }

  async #fetch(): Promise<void> {
    const { url, clock, ring, warn, fetch, refreshMs, cooldownMs } = this.#options;
    this.#cancel();
    let nextMs = refreshMs;
    try {
      const { text } = await getText(url, FETCH_TIMEOUT_MS, fetch);
      const ignored: Ignored[] = [];
      const keys = parsePublishedSet(text, (key) => void ignored.push(key));
      ring.put(this.#source, keys);
      this.#warn([...ignored.map(leftOut), ...keys.flatMap(unwise)]);
      this.#fetchedAt = clock.now();
      this.#failure = undefined;
    } catch (error) {
      this.#failure = reasonOf(error);
      nextMs = Math.min(refreshMs, cooldownMs);
      const left = this.fresh ? "the last good set stays in use" : "no key from there is in use";
      warn(
        `the keys at ${url.origin}${url.pathname} cannot be fetched and will be retried; ${left}: ${reasonOf(error)}`,
      );
    }
    if (!this.#closed) this.#cancel = clock.timer(nextMs, () => void this.#fetchOnce());
  }

  /** Logs warnings about the set, once for each change of them. */
  #warn(remarks: readonly string[]): void {
    const { url, warn } = this.#options;
    const lines = remarks.map((remark) => `the keys at ${url.origin}${url.pathname}: ${remark}`);
    const text = lines.join("\n");
    if (text === this.#warned) return;
    this.#warned = text;
    for (const line of lines) warn(line);
  }
}

function leftOut({ name, why }: Ignored): string {
  return `the key ${name} is not used: ${why}`;
}

function unwise({ kid, holds, verifies }: Key): string[] {
  const name = kid === undefined ? "a key" : `the key ${JSON.stringify(kid)}`;
  return [
    ...(holds === "public" ? [] : [`${name} is published with its private part: anyone who reads it can sign tokens`]),
    ...(verifies ? [] : [`${name} is for signing only (\`key_ops\`), so it verifies no token`]),
  ];
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
