import { AuthError } from "../error.ts";
import { Bucket } from "./bucket.ts";
import { isLoopback, Networks, networkOf } from "./networks.ts";

/** Most addresses in the table, about 200 bytes each; above this the one that was idle longest is removed. */
export const MAX_ADDRESSES = 100_000;
/** Bad tokens that an address may show without a wait; one more every ten seconds. */
const FREE_FAILURES = 5;
const FAILURE_PER_SECOND = 0.1;
/** First and longest wait after that, in milliseconds; the wait doubles with every further bad token. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 300_000;
/** Entries that are searched for one to remove, which bounds the cost of a full table. */
const REMOVE_SEARCH = 64;
/** Milliseconds without a bad token after which the next wait is the first again. */
const FORGIVE_MS = 600_000;

/** Bounds of one address: an IPv4 address or an IPv6 /64. 0 is no bound. */
export interface AddressLimits {
  readonly sessions: number;
  readonly handshakesPerSecond: number;
  /** Networks that are refused. When `allow` is not empty, every network outside it is refused too. */
  readonly deny: readonly string[];
  readonly allow: readonly string[];
  /** Loopback has the same bounds as any other address. */
  readonly limitLoopback: boolean;
}

interface Entry {
  sessions: number;
  handshakes: Bucket;
  failures: Bucket;
  waitMs: number;
  waitUntil: number;
  failedAt: number;
}

/** Counts sessions, handshakes and bad tokens by address. */
export class Addresses {
  #limits: AddressLimits;
  #deny: Networks;
  #allow: Networks | undefined;
  readonly #now: () => number;
  /** Least recently seen first. */
  readonly #entries = new Map<string, Entry>();

  /** `now` is in milliseconds of a clock that does not go back. Throws a `RangeError` for a list with a bad block. */
  constructor(limits: AddressLimits, now: () => number) {
    this.#limits = limits;
    this.#deny = new Networks(limits.deny);
    this.#allow = networksOf(limits.allow);
    this.#now = now;
  }

  /** Changes the bounds for new sessions. Throws a `RangeError` for a list with a bad block, and then changes nothing. */
  setLimits(limits: AddressLimits): void {
    const [deny, allow] = [new Networks(limits.deny), networksOf(limits.allow)];
    const { handshakesPerSecond: rate } = limits;
    if (rate !== this.#limits.handshakesPerSecond) {
      for (const entry of this.#entries.values()) entry.handshakes = new Bucket(rate, rate, this.#now());
    }
    this.#limits = limits;
    this.#deny = deny;
    this.#allow = allow;
  }

  /** Addresses in the table. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Counts a handshake and its session until the returned function is called. Throws {@link AuthError} `address_denied`,
   * `address_rate` or `address_sessions`.
   */
  enter(address: string): () => void {
    if (this.#deny.has(address) || this.#allow?.has(address) === false) {
      throw new AuthError("address_denied", "this relay does not serve this address");
    }
    if (this.#isExempt(address)) return () => {};
    const { sessions, handshakesPerSecond } = this.#limits;
    const entry = this.#entry(address);
    const now = this.#now();
    if (handshakesPerSecond > 0 && !entry.handshakes.take(1, now)) {
      throw new AuthError("address_rate", "too many new sessions per second from this address");
    }
    if (sessions > 0 && entry.sessions >= sessions) {
      throw new AuthError("address_sessions", "too many sessions from this address");
    }
    entry.sessions++;
    let left = false;
    return () => {
      if (!left) entry.sessions--;
      left = true;
    };
  }

  /**
   * Counts a bad token: one that no key signed. Throws {@link AuthError} `address_backoff` while the address has to wait for earlier
   * ones. Good tokens are accepted meanwhile, because many clients may share the address.
   */
  guessed(address: string): void {
    if (this.#isExempt(address)) return;
    const entry = this.#entry(address);
    const now = this.#now();
    if (now < entry.waitUntil) {
      const seconds = Math.ceil((entry.waitUntil - now) / 1000);
      throw new AuthError("address_backoff", `too many bad tokens from this address: try again in ${seconds} s`);
    }
    if (now - entry.failedAt > FORGIVE_MS) entry.waitMs = 0;
    entry.failedAt = now;
    if (entry.failures.take(1, now)) return;
    entry.waitMs = Math.min(LONGEST_WAIT_MS, Math.max(FIRST_WAIT_MS, entry.waitMs * 2));
    entry.waitUntil = now + entry.waitMs;
  }

  #isExempt(address: string): boolean {
    return address === "" || (!this.#limits.limitLoopback && isLoopback(address));
  }

  #entry(address: string): Entry {
    const network = networkOf(address);
    const now = this.#now();
    const rate = this.#limits.handshakesPerSecond;
    const entry = this.#entries.get(network) ?? {
      sessions: 0,
      handshakes: new Bucket(rate, rate, now),
      failures: new Bucket(FAILURE_PER_SECOND, FREE_FAILURES, now),
      waitMs: 0,
      waitUntil: Number.NEGATIVE_INFINITY,
      failedAt: Number.NEGATIVE_INFINITY,
    };
    this.#entries.delete(network);
    this.#entries.set(network, entry);
    if (this.#entries.size > MAX_ADDRESSES) this.#removeOne();
    return entry;
  }

  /** Removes one of the oldest entries that has no session. Entries with sessions are bounded by the number of sessions. */
  #removeOne(): void {
    let searched = 0;
    for (const [network, entry] of this.#entries) {
      if (entry.sessions === 0) {
        this.#entries.delete(network);
        return;
      }
      searched++;
      if (searched === REMOVE_SEARCH) return;
    }
  }
}

/** Undefined for an empty list, which allows every network. */
function networksOf(blocks: readonly string[]): Networks | undefined {
  return blocks.length === 0 ? undefined : new Networks(blocks);
}
