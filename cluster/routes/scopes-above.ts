import type { Clock } from "../../moq/clock.ts";
import { prefixes } from "../../moq/model/index.ts";

/** A part of the bound on scopes: roots bound the requests of a session, and paths have fewer above them than there are paths. */
const SHARE = 0.25;

export interface ScopesAboveDeps {
  readonly clock: Clock;
  /** Milliseconds that a path is still asked for after its last user has left. */
  readonly lingerMs: number;
  /** Scopes that the relay asks for at once; this object's are {@link SHARE} of it besides. */
  readonly maxScopes: number;
  /** Asks the roots for the broadcast at `path`. Returns a stop. */
  readonly ask: (path: string) => () => void;
  /** A path was refused because there are too many. */
  readonly refused: () => void;
}

interface Entry {
  users: number;
  readonly stop: () => void;
  cancelLinger: () => void;
}

/** The broadcasts above those that are wanted here, which may serve what is under their paths. Roots are asked for them, one scope for each. */
export class ScopesAbove {
  readonly #deps: ScopesAboveDeps;
  readonly #entries = new Map<string, Entry>();

  constructor(deps: ScopesAboveDeps) {
    this.#deps = deps;
  }

  /** Paths that are asked for. */
  get size(): number {
    return this.#entries.size;
  }

  /** Asks for everything above `path`. Returns a release. */
  use(path: string): () => void {
    const used: [string, Entry][] = [];
    for (const above of prefixes(path)) {
      const entry = above === path ? undefined : this.#entry(above);
      if (entry === undefined) continue;
      entry.cancelLinger();
      entry.users++;
      used.push([above, entry]);
    }
    return () => {
      for (const [above, entry] of used.splice(0)) this.#leave(above, entry);
    };
  }

  close(): void {
    for (const { stop, cancelLinger } of this.#entries.values()) {
      cancelLinger();
      stop();
    }
    this.#entries.clear();
  }

  #entry(path: string): Entry | undefined {
    const known = this.#entries.get(path);
    if (known !== undefined) return known;
    if (this.#entries.size >= this.#deps.maxScopes * SHARE) {
      this.#deps.refused();
      return undefined;
    }
    const entry = { users: 0, stop: this.#deps.ask(path), cancelLinger: () => {} };
    this.#entries.set(path, entry);
    return entry;
  }

  #leave(path: string, entry: Entry): void {
    entry.users--;
    if (entry.users > 0 || this.#entries.get(path) !== entry) return;
    entry.cancelLinger = this.#deps.clock.timer(this.#deps.lingerMs, () => {
      this.#entries.delete(path);
      entry.stop();
    });
  }
}
