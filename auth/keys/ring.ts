import type { Key } from "./key.ts";

/** Most keys of all sources together: a folder with one key per customer fits, a mistake does not. */
export const MAX_KEYS = 10_000;

/** The keys that verify tokens now. A source replaces all its keys at once; a callback reports that keys were removed. */
export class KeyRing {
  readonly #sources = new Map<object, { readonly name: string; readonly keys: readonly Key[] }>();
  readonly #removed: () => void;
  #byKid = new Map<string, Key>();
  #fingerprints = new Set<string>();
  #all: readonly Key[] = [];

  /** `removed` is called after a key has left the ring. */
  constructor(removed: () => void) {
    this.#removed = removed;
  }

  get size(): number {
    return this.#all.length;
  }

  /** Every key with the name of its source. */
  *list(): Generator<{ readonly key: Key; readonly source: string }> {
    for (const { name, keys } of this.#sources.values()) for (const key of keys) yield { key, source: name };
  }

  /** Replaces the keys of `source`, which lists show as `name`. Throws a `RangeError` over {@link MAX_KEYS} and then changes nothing. */
  put(source: object, keys: readonly Key[], name = ""): void {
    const verifying = keys.filter((key) => key.verifies);
    const next = new Map(this.#sources).set(source, { name, keys: verifying });
    const all = [...next.values()].flatMap((one) => one.keys);
    if (all.length > MAX_KEYS) throw new RangeError(`more than ${MAX_KEYS} keys`);
    this.#sources.set(source, { name, keys: verifying });
    const before = this.#fingerprints;
    this.#all = all;
    this.#fingerprints = new Set(all.map((key) => key.fingerprint));
    this.#byKid = new Map(all.flatMap((key) => (key.kid === undefined ? [] : [[key.kid, key] as const])).toReversed());
    if ([...before].some((fingerprint) => !this.#fingerprints.has(fingerprint))) this.#removed();
  }

  /**
   * The key for a token with this `kid` in its header:
   *
   * - the key with that `kid`;
   * - for a token without `kid`, the only key of the ring;
   * - for any token, the only key of the ring when that key has no `kid`.
   */
  find(kid: string | undefined): Key | undefined {
    const [only, second] = this.#all;
    const named = kid === undefined ? undefined : this.#byKid.get(kid);
    if (named !== undefined || second !== undefined) return named;
    return kid === undefined || only?.kid === undefined ? only : undefined;
  }

  has(fingerprint: string): boolean {
    return this.#fingerprints.has(fingerprint);
  }
}
