import { networkOf } from "./networks.ts";

/**
 * Places for clients of which only the address is known yet. When all places are taken, a new client gets the oldest place of the address
 * that has most, so that a few addresses cannot keep others out. An address that has most itself loses its own oldest place: behind one
 * address there may be many clients, and those that go on need their place for a moment only.
 */
export class Places {
  /** Places in all; may be changed. */
  max: number;
  /** By address, or IPv6 /64: for each place a function that cuts its client, oldest first. */
  readonly #held = new Map<string, Set<() => void>>();
  #taken = 0;

  constructor(max: number) {
    this.max = max;
  }

  get taken(): number {
    return this.#taken;
  }

  /**
   * Gives `address` a place until the returned function is called. `cut` is called when another client gets the place. Undefined when there is
   * no place at all.
   */
  take(address: string, cut: () => void): (() => void) | undefined {
    const network = networkOf(address);
    if (this.#taken >= this.max && !this.#free(network)) return undefined;
    const places = this.#held.get(network) ?? new Set();
    // A function of its own: two clients may pass the same `cut`.
    const place = () => cut();
    this.#held.set(network, places.add(place));
    this.#taken++;
    return () => this.#leave(network, place);
  }

  /** Cuts the oldest client of the address that has most places, or of `own` if no address has more. */
  #free(own: string): boolean {
    let [most, count] = [own, this.#held.get(own)?.size ?? 0];
    for (const [network, { size }] of this.#held) if (size > count) [most, count] = [network, size];
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
