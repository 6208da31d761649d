/** Figures of things that come and go, such as broadcasts: a bounded number of them by name, and all further ones together. */

/** The name under which further ones are shown. */
export const OTHER = "other";

/** The first `max` names that are in use at once have figures of their own. */
export class Series<T> {
  readonly #max: number;
  readonly #make: () => T;
  readonly #slots = new Map<string, { readonly figures: T; users: number }>();
  /** Of all names without figures of their own; its totals never fall. */
  readonly #other: T;

  constructor(max: number, make: () => T) {
    this.#max = max;
    this.#make = make;
    this.#other = make();
  }

  /** The figures for one more user of `name`: its own, or those of all others. */
  take(name: string): T {
    const known = this.#slots.get(name);
    if (known !== undefined) {
      known.users++;
      return known.figures;
    }
    if (this.#slots.size >= this.#max) return this.#other;
    const figures = this.#make();
    this.#slots.set(name, { figures, users: 1 });
    return figures;
  }

  /** One user of `name` less; `figures` is what {@link take} returned. Without users the name's figures are dropped. */
  release(name: string, figures: T): void {
    const slot = this.#slots.get(name);
    if (slot === undefined || slot.figures !== figures || --slot.users > 0) return;
    this.#slots.delete(name);
  }

  /** Each name and its figures; all others last. */
  *entries(): Generator<[name: string, figures: T]> {
    for (const [name, { figures }] of this.#slots) yield [name, figures];
    yield [OTHER, this.#other];
  }
}
