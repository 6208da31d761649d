import { keyOf, MAX_REVOCATIONS, type Revocation } from "./revocation.ts";

/** Revocations that other relays of the mesh made. The same token may be revoked by several. */
export class LearnedRevocations {
  /** By the source's own identifier, such as the relay and its entry. */
  readonly #bySource = new Map<string, { readonly key: string; readonly entry: Revocation; readonly from: string }>();
  /** By `jti:…`, `kid:…`, `sub:…`: when it expires, in seconds since 1970, by source. */
  readonly #byKey = new Map<string, Map<string, number>>();

  get size(): number {
    return this.#bySource.size;
  }

  /** False when the list is full: then nothing changes. `from`: the name of the relay, for the list. */
  add(source: string, entry: Revocation, from: string): boolean {
    this.delete(source);
    if (this.#bySource.size >= MAX_REVOCATIONS) return false;
    const [key, end] = keyOf(entry);
    this.#bySource.set(source, { key, entry, from });
    const ends = this.#byKey.get(key) ?? new Map<string, number>();
    this.#byKey.set(key, ends.set(source, end));
    return true;
  }

  delete(source: string): void {
    const known = this.#bySource.get(source);
    if (known === undefined) return;
    this.#bySource.delete(source);
    const ends = this.#byKey.get(known.key);
    ends?.delete(source);
    if (ends?.size === 0) this.#byKey.delete(known.key);
  }

  /** `now`: seconds since 1970. */
  has(key: string, now: number): boolean {
    for (const end of this.#byKey.get(key)?.values() ?? []) if (end > now) return true;
    return false;
  }

  *list(): Generator<{ readonly source: string; readonly entry: Revocation; readonly from: string }> {
    for (const [source, { entry, from }] of this.#bySource) yield { source, entry, from };
  }
}
