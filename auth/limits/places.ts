import { networkOf } from "./networks.ts";

/**
 * Places that clients hold before anything is known of them but their address. At the bound a newcomer gets the oldest place of the address
 * that holds most, so that no address, and no few of them, keeps others out.
 */
export class Places {
  readonly #max: number;
  /** By address, or IPv6 /64: one function for each place that ends its holder, oldest first. */
  readonly #held = new Map<string, Set<() => void>>();
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get taken(): number {
    return this.#taken;
  }

  /**
   * A place until the returned function is called. `cut` ends its holder where another address gets the place. Nothing where the bound is
   * reached and no address holds more than this one.
   */
  take(address: string, cut: () => void): (() => void) | undefined {
    const network = networkOf(address);
    if (this.#taken >= this.#max && !this.#free(this.#held.get(network)?.size ?? 0)) return undefined;
    const places = this.#held.get(network) ?? new Set();
    // Of its own, as two holders may be cut in the same way.
    const place = () => cut();
    this.#held.set(network, places.add(place));
    this.#taken++;
    return () => this.#leave(network, place);
  }

  /** Takes a place from the address that holds most, if those are more than `own`. */
  #free(own: number): boolean {
    let [most, count] = ["", own];
    for (const [network, { size }] of this.#held) if (size > count) [most, count] = [network, size];
    if (count === own) return false;
    const [oldest] = this.#held.get(most) ?? [];
    if (oldest === undefined) return false;
    this.#leave(most, oldest);
    oldest();
    return true;
  }

  #leave(network: string, place: () => void): void {
    const places = this.#held.get(network);
    if (places === undefined || !places.delete(place)) return;
    this.#taken--;
    if (places.size === 0) this.#held.delete(network);
  }
}
