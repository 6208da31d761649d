/** Paths that wait to be written, of all relays; more are found by comparison. */
const MAX_WAITING = 200_000;

/** What has changed and is not written yet: names of relays, each with paths. */
export class PendingWrites {
  readonly #paths = new Map<string, Set<string>>();
  /** Relays of which paths found no room. */
  readonly #cut = new Set<string>();
  #count = 0;

  /** Relays of which something waits. */
  get size(): number {
    return this.#paths.size;
  }

  *nodes(): Generator<[node: string, paths: string[]]> {
    for (const [node, paths] of [...this.#paths]) yield [node, [...paths]];
  }

  /** The relay itself changed, or what it has of `path`. */
  add(node: string, path?: string): void {
    const paths = this.#paths.get(node) ?? new Set<string>();
    this.#paths.set(node, paths);
    if (path === undefined || paths.has(path)) return;
    if (this.#count >= MAX_WAITING) {
      this.#cut.add(node);
      return;
    }
    paths.add(path);
    this.#count++;
  }

  /** They are being written. */
  take(node: string, taken: Iterable<string>): void {
    const paths = this.#paths.get(node);
    for (const path of taken) if (paths?.delete(path)) this.#count--;
  }

  /** Whether something of the relay is not written that is known to have changed. */
  more(node: string): boolean {
    return (this.#paths.get(node)?.size ?? 0) > 0 || this.#cut.has(node);
  }

  /** Whether paths found no room, so that only a comparison tells what they are. */
  cut(node: string): boolean {
    return this.#cut.has(node);
  }

  /** A comparison is about to find all that is to be written. */
  compared(node: string): void {
    this.#cut.delete(node);
  }

  /** Nothing waits of the relay unless it came while all of that was written. */
  written(node: string): void {
    if (this.#paths.get(node)?.size === 0) this.#paths.delete(node);
  }

  delete(node: string): void {
    this.#count -= this.#paths.get(node)?.size ?? 0;
    this.#paths.delete(node);
    this.#cut.delete(node);
  }
}
