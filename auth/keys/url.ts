import type { AuthClock } from "../clock.ts";
import { AuthError } from "../error.ts";
import { type Fetch, getText } from "../http.ts";
import { type Ignored, type Key, parsePublishedSet } from "./key.ts";
import type { KeyRing } from "./ring.ts";

/** Milliseconds that a key server gets to answer. */
const FETCH_TIMEOUT_MS = 5_000;

export interface UrlKeysOptions {
  readonly url: URL;
  readonly clock: AuthClock;
  readonly ring: KeyRing;
  readonly warn: (message: string, error?: unknown) => void;
  readonly fetch: Fetch;
  /** Milliseconds after which the set is fetched again. */
  readonly refreshMs: number;
  /** Shortest time between two fetches, in milliseconds, whatever `kid`s tokens ask for. */
  readonly cooldownMs: number;
  /** Milliseconds that the last good set is used while the URL does not answer. */
  readonly keepMs: number;
}

/**
 * Keys of a JWK set at a URL. It is fetched at the start, every `refreshMs`, and when a token names a `kid` that is not
 * in it, at most once per `cooldownMs`. While the URL fails the last good set stays in use for `keepMs`.
 */
export class UrlKeys {
  readonly #options: UrlKeysOptions;
  #fetchedAt: number | undefined;
  #triedAt: number | undefined;
  #running: Promise<void> | undefined;
  #cancel = () => {};
  #closed = false;
  /** What was said of the set last. */
  #told = "";

  constructor(options: UrlKeysOptions) {
    this.#options = options;
  }

  /** The first fetch; one that fails is told and repeated, because the key server may start after the relay. */
  async start(): Promise<void> {
    await this.refresh();
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  /** True while there is a set that may be used. */
  get fresh(): boolean {
    return this.#fetchedAt !== undefined && this.#options.clock.now() - this.#fetchedAt < this.#options.keepMs;
  }

  /** Throws {@link AuthError} `keys_unavailable` where there is no set that may be used. */
  check(): void {
    if (!this.fresh) throw new AuthError("keys_unavailable", "the key server cannot be reached");
  }

  /** Fetches again unless it did so within `cooldownMs`. Never rejects. */
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
      ring.put(this, keys);
      this.#tell([...ignored.map(leftOut), ...keys.flatMap(unwise)]);
      this.#fetchedAt = clock.now();
    } catch (error) {
      nextMs = Math.min(refreshMs, cooldownMs);
      const left = this.fresh ? "the last good set stays in use" : "no token can be verified with it";
      warn(`the keys at ${url.origin}${url.pathname} cannot be fetched; ${left}: ${reasonOf(error)}`);
    }
    if (!this.#closed) this.#cancel = clock.timer(nextMs, () => void this.#fetchOnce());
  }

  /** What is to be said of the set, once for each state of it. */
  #tell(remarks: readonly string[]): void {
    const { url, warn } = this.#options;
    const lines = remarks.map((remark) => `the keys at ${url.origin}${url.pathname}: ${remark}`);
    const told = lines.join("\n");
    if (told === this.#told) return;
    this.#told = told;
    for (const line of lines) warn(line);
  }
}

function leftOut({ name, why }: Ignored): string {
  return `the key ${name} is not used: ${why}`;
}

function unwise({ kid, holds, verifies }: Key): string[] {
  const name = kid === undefined ? "a key" : `the key ${JSON.stringify(kid)}`;
  return [
    ...(holds === "public" ? [] : [`${name} can sign tokens, and so can everybody who reads it there`]),
    ...(verifies ? [] : [`${name} is for signing only (\`key_ops\`) and verifies nothing`]),
  ];
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
