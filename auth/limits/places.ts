import { networkOf } from "./networks.ts";

/**
 * Bounds how many clients hold a place at once. When all places are taken, a new client gets the oldest place of the network (an IPv4 address or
 * an IPv6 /64) that holds the most places, so that a few networks cannot keep others out. Where no network holds more than the new client's own, that
 * one loses its oldest place.
 */
export class Places {
  /** Number of places. Lowering it evicts no client. */
  max: number;
  /** By network: for each place a function that evicts its client, oldest first. */
  readonly #held = new Map<string, Set<() => void>>();
  #taken = 0;

  constructor(max: number) {
    this.max = max;
  }

  get taken(): number {
    return this.#taken;
  }

  /**
   * Gives `address` a place until the returned function is called. `evict` is called when another client gets the place. Undefined only where
   * `max` is 0.
   */
  take(address: string, evict: () => void): (() => void) | undefined {
    const network = networkOf(address);
    if (this.#taken >= this.max && !this.#evictOldest(network)) return undefined;
    const places = this.#held.get(network) ?? new Set();
    // A function of its own: two clients may pass the same `evict`.
    const place = () => evict();
    this.#held.set(network, places.add(place));
    this.#taken++;
    return () => this.#release(network, place);
  }

  /** Evicts the oldest client of the network that holds the most places, or of `own` if none holds more. */
  #evictOldest(own: string): boolean {
    let [most, count] = [own, this.#held.get(own)?.size ?? 0];
    for (const [network, { size }] of this.#held) if (size > count) [most, count] = [network, size];
    const [oldest] = this.#held.get(most) ?? [];
    if (oldest === undefined) return false;
    this.#release(most, oldest);
    oldest();
    return true;
  }

  #release(network: string, place: () => void): void {
    const places = this.#held.get(network);
    if (places === undefined || !places.delete(place)) return;
    this.#taken--;
    if (places.size === 0) this.#held.delete(network);
  }
}
