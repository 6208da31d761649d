/**
 * Collections of a session that most sessions never use. A `Set` of V8 has 150 bytes and a `Map` 180 before their first element; these have 24, and
 * the rest from the first element on.
 */

/** A set whose memory comes with its first element. */
export class LazySet<T> implements Iterable<T> {
  #inner: Set<T> | undefined;

  get size(): number {
    return this.#inner?.size ?? 0;
  }

  has(value: T): boolean {
    return this.#inner?.has(value) ?? false;
  }

  add(value: T): void {
    this.#inner ??= new Set();
    this.#inner.add(value);
  }

  delete(value: T): boolean {
    return this.#inner?.delete(value) ?? false;
  }

  clear(): void {
    this.#inner?.clear();
    this.#inner = undefined;
  }

  /** As that of a `Set`: elements that are added meanwhile come as well, unless the set was empty. */
  [Symbol.iterator](): Iterator<T> {
    return (this.#inner ?? NONE).values();
  }
}

/** A map whose memory comes with its first entry. */
export class LazyMap<K, V> implements Iterable<[K, V]> {
  #inner: Map<K, V> | undefined;

  get size(): number {
    return this.#inner?.size ?? 0;
  }

  has(key: K): boolean {
    return this.#inner?.has(key) ?? false;
  }

  get(key: K): V | undefined {
    return this.#inner?.get(key);
  }

  set(key: K, value: V): void {
    this.#inner ??= new Map();
    this.#inner.set(key, value);
  }

  delete(key: K): boolean {
    return this.#inner?.delete(key) ?? false;
  }

  clear(): void {
    this.#inner?.clear();
    this.#inner = undefined;
  }

  keys(): Iterable<K> {
    return this.#inner?.keys() ?? NONE;
  }

  values(): Iterable<V> {
    return this.#inner?.values() ?? NONE;
  }

  /** As that of a `Map`: entries that are added meanwhile come as well, unless the map was empty. */
  [Symbol.iterator](): Iterator<[K, V]> {
    return (this.#inner ?? NONE)[Symbol.iterator]();
  }
}

const NONE: ReadonlySet<never> = new Set<never>();
