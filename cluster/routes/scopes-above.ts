import type { Clock } from "../../moq/clock.ts";
import { prefixes } from "../../moq/model/index.ts";

/** A part of the bound on scopes: roots bound the requests of a session, and paths have fewer above them than there are paths. */
const SHARE = 0.25;

/** Broadcasts above one path that are asked for, from the empty path on: a namespace of moq-transport has at most 32 fields. */
const MAX_ABOVE = 32;

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
  /** Entries without users, in the order in which their last users left. */
  readonly #lingering = new Map<string, Entry>();

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
    let asked = 0;
    for (const above of prefixes(path)) {
      if (above === path || asked++ === MAX_ABOVE) break;
      const entry = this.#entry(above);
      if (entry === undefined) continue;
      entry.cancelLinger();
      this.#lingering.delete(above);
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
    this.#lingering.clear();
  }

  #entry(path: string): Entry | undefined {
    const known = this.#entries.get(path);
    if (known !== undefined) return known;
    const bound = this.#deps.maxScopes * SHARE;
    if (this.#entries.size >= bound) this.#makeRoom();
    if (this.#entries.size >= bound) {
      this.#deps.refused();
      return undefined;
    }
    const entry = { users: 0, stop: this.#deps.ask(path), cancelLinger: () => {} };
    this.#entries.set(path, entry);
    return entry;
  }

  /** Drops the path that has been unused for longest. */
  #makeRoom(): void {
    for (const [path, oldest] of this.#lingering) {
      oldest.cancelLinger();
      this.#drop(path, oldest);
      return;
    }
  }

  #leave(path: string, entry: Entry): void {
    entry.users--;
    if (entry.users > 0 || this.#entries.get(path) !== entry) return;
    entry.cancelLinger = this.#deps.clock.timer(this.#deps.lingerMs, () => this.#drop(path, entry));
    this.#lingering.set(path, entry);
  }

  #drop(path: string, entry: Entry): void {
    this.#entries.delete(path);
    this.#lingering.delete(path);
    entry.stop();
  }
}
