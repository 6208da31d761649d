/** An external service that decides on each session, like moq-relay's `--auth-api`: `GET URL?root=…&kid=…&transport=…`. */
import * as z from "zod";
import type { AuthClock } from "./clock.ts";
import { AuthError } from "./error.ts";
import { type Fetch, getText } from "./http.ts";
import { parseJson } from "./json.ts";
import { type Key, toKey } from "./keys/index.ts";
import { isSuspect } from "./paths.ts";
import { Turns } from "./turns.ts";

/** Most cached answers, of a few KiB each. */
const MAX_CACHED = 10_000;

/** Requests to the service at once, each on a connection of its own; and questions that wait for one to end, of some 500 bytes each. */
const MAX_UNDER_WAY = 256;
const MAX_WAITING = 10_000;

const path = z
  .string()
  .max(1024)
  .refine((value) => !isSuspect(value), "not a path");
const answerSchema = z.object({
  alias: path.optional(),
  public: z.object({ subscribe: z.array(path).default([]), publish: z.array(path).default([]) }).optional(),
  key: z.unknown().optional(),
});

/** The service's answer for a path. */
export interface ApiAnswer {
  /** Replaces the path, if present. */
  readonly alias: string | undefined;
  /** Granted without a token, relative to the path. */
  readonly public: { readonly subscribe: readonly string[]; readonly publish: readonly string[] } | undefined;
  /** The key of the token that was asked about. */
  readonly key: Key | undefined;
}

export interface ApiQuestion {
  /** Path of the URL, normalised. */
  readonly root: string;
  /** Absent without a token. */
  readonly kid: string | undefined;
  readonly transport: string;
}

export interface ApiOptions {
  readonly url: URL;
  readonly clock: AuthClock;
  readonly fetch: Fetch;
  readonly warn: (message: string, error?: unknown) => void;
  readonly timeoutMs: number;
  /** Milliseconds for which an answer is cached; less if its Cache-Control says so. */
  readonly cacheMs: number;
}

/** Asks the service and caches its answers. Without a valid answer, a session is refused. */
export class AuthApi {
  readonly #options: ApiOptions;
  /** Oldest answer first. */
  readonly #cache = new Map<string, { answer: ApiAnswer; until: number }>();
  readonly #underWay = new Map<string, Promise<ApiAnswer>>();
  readonly #turns: Turns;
  #complainedAt = Number.NEGATIVE_INFINITY;
  /** The last question without a valid answer, and why; undefined after a valid answer. */
  #failed: { readonly url: URL; readonly why: string } | undefined;

  constructor(options: ApiOptions) {
    const { clock, timeoutMs: waitMs } = options;
    this.#options = options;
    const what = "clients wait for the auth API";
    this.#turns = new Turns({ most: MAX_UNDER_WAY, waiting: MAX_WAITING, waitMs, clock, what });
  }

  /** Throws {@link AuthError} `api_unavailable`, or `busy` when too many other questions are before this one for as long as an answer may take. */
  async ask(question: ApiQuestion): Promise<ApiAnswer> {
    const url = this.#urlOf(question);
    const cached = this.#cache.get(url.href);
    if (cached !== undefined && cached.until > this.#options.clock.now()) return cached.answer;
    const running = this.#underWay.get(url.href);
    if (running !== undefined) return await running;
    const asked = this.#turns.run(() => this.#fetch(url)).finally(() => this.#underWay.delete(url.href));
    this.#underWay.set(url.href, asked);
    return await asked;
  }

  /** Why the last question had no valid answer; undefined after a valid one. */
  get failure(): string | undefined {
    return this.#failed?.why;
  }

  /**
   * Asks the last question again that had no valid answer: a relay that is not ready gets no sessions, so nothing else would notice that the
   * service is back. Does nothing after a valid answer. Never rejects.
   */
  async retry(): Promise<void> {
    const url = this.#failed?.url;
    if (url === undefined || this.#underWay.size > 0) return;
    const asked = this.#fetch(url).finally(() => this.#underWay.delete(url.href));
    this.#underWay.set(url.href, asked);
    await asked.catch(() => {});
  }

  #urlOf({ root, kid, transport }: ApiQuestion): URL {
    const url = new URL(this.#options.url);
    url.searchParams.set("root", `/${root}`);
    if (kid !== undefined) url.searchParams.set("kid", kid);
    url.searchParams.set("transport", transport);
    return url;
  }

  async #fetch(url: URL): Promise<ApiAnswer> {
    const { clock, cacheMs, timeoutMs, fetch } = this.#options;
    try {
      const { text, maxAgeMs } = await getText(url, timeoutMs, fetch);
      const { alias, public: open, key } = answerSchema.parse(parseJson(text));
      const answer = { alias, public: open, key: key === undefined || key === null ? undefined : toKey(key) };
      const keepMs = Math.min(cacheMs, maxAgeMs ?? cacheMs);
      this.#failed = undefined;
      if (keepMs > 0) this.#keep(url.href, answer, clock.now() + keepMs);
      return answer;
    } catch (error) {
      this.#failed = { url, why: describe(error) };
      this.#complain(error);
      throw new AuthError("api_unavailable", "the service that decides who may connect gave no valid answer");
    }
  }

  #keep(href: string, answer: ApiAnswer, until: number): void {
    this.#cache.delete(href);
    this.#cache.set(href, { answer, until });
    if (this.#cache.size <= MAX_CACHED) return;
    const [oldest] = this.#cache.keys();
    if (oldest !== undefined) this.#cache.delete(oldest);
  }

  /** Logs at most once in ten seconds, however many sessions ask. */
  #complain(error: unknown): void {
    const { clock, url, warn } = this.#options;
    const now = clock.now();
    if (now - this.#complainedAt < 10_000) return;
    this.#complainedAt = now;
    warn(
      `the auth API at ${url.origin}${url.pathname} gave no valid answer; sessions that need one are refused, those with a cached answer are not: ${describe(error)}`,
    );
  }
}

function describe(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof z.ZodError ? "its answer does not have the expected form" : String(cause);
}
