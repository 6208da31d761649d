import { type Key, KeyError } from "./key.ts";

/** Most keys of all sources together: a folder with one key per customer fits, a mistake does not. */
export const MAX_KEYS = 10_000;

/** Where keys come from: the configuration itself, a file, a folder or a URL. */
export interface KeySource {
  readonly place: "text" | "file" | "folder" | "url";
  /** As lists and messages show it, without credentials. */
  readonly name: string;
  /** Path of the file or folder. */
  readonly file?: string;
}

/** What happens to the sessions of a key that is removed: they end, or run on. */
export type SessionsOfRemoved = "close" | "keep";

/** A key that was removed while the relay runs. */
export interface RemovedKey {
  readonly key: Key;
  readonly sessions: SessionsOfRemoved;
}

/** Changes that no source has: they count over all sources until the relay ends. */
interface Changes {
  /** By `kid`. */
  readonly added: Map<string, Key>;
  /** By fingerprint. A key is kept here also while no source has it, because a file may come back. */
  readonly removed: Map<string, RemovedKey>;
}

/** A key of the ring. */
export interface RingEntry {
  readonly key: Key;
  /** Undefined for a key that was added while the relay runs and that no file has. */
  readonly source: KeySource | undefined;
}

export interface KeyRingEvents {
  /** Called after a key has left the ring. */
  readonly removed: () => void;
  /** Called when `source` has another key with the `kid` of one that was added, which goes before it. */
  readonly overridden?: (kid: string, source: KeySource) => void;
}

/**
 * The keys that verify tokens now. A source replaces all its keys at once. Keys that are added and removed while the relay runs count
 * over those of the sources.
 */
export class KeyRing {
  readonly #sources = new Map<KeySource, readonly Key[]>();
  readonly #events: KeyRingEvents;
  #changes: Changes = { added: new Map(), removed: new Map() };
  #byKid = new Map<string, Key>();
  #fingerprints = new Set<string>();
  #all: readonly RingEntry[] = [];

  constructor(events: KeyRingEvents) {
    this.#events = events;
  }

  get size(): number {
    return this.#all.length;
  }

  /** Every key with its source. */
  list(): readonly RingEntry[] {
    return this.#all;
  }

  /** Replaces the keys of `source`. Throws a `RangeError` over {@link MAX_KEYS} and then changes nothing. */
  put(source: KeySource, keys: readonly Key[]): void {
    const verifying = keys.filter((key) => key.verifies);
    let others = 0;
    for (const [one, list] of this.#sources) if (one !== source) others += list.length;
    if (others + verifying.length > MAX_KEYS) throw new RangeError(`more than ${MAX_KEYS} keys`);
    this.#sources.set(source, verifying);
    this.#settle(source, verifying);
    this.#use();
  }

  /**
   * Adds a key with a `kid`, which counts at once and until the relay ends or a file has it. A removed key that a file still has comes back
   * from that file. Throws {@link KeyError} `keys_full`.
   */
  add(kid: string, key: Key): void {
    const { added, removed } = this.#changes;
    if (this.size >= MAX_KEYS) throw full();
    const held = [...this.#sources].some(
      ([{ place }, keys]) => place !== "url" && keys.some(({ fingerprint }) => fingerprint === key.fingerprint),
    );
    if (!held) added.set(kid, key);
    removed.delete(key.fingerprint);
    this.#use();
  }

  /** Removes the keys with this `kid`, whatever sources have them. Throws {@link KeyError} `keys_full`. */
  remove(kid: string, sessions: SessionsOfRemoved): void {
    const { added, removed } = this.#changes;
    const gone = this.#all.filter(({ key }) => key.kid === kid);
    for (let over = removed.size + gone.length - MAX_KEYS; over > 0; over--) this.#forgetOne();
    added.delete(kid);
    for (const { key } of gone) removed.set(key.fingerprint, { key, sessions });
    this.#use();
  }

  /** Takes over what was added to and removed from `before`. */
  takeChanges(before: KeyRing): void {
    this.#changes = before.#changes;
    for (const [source, keys] of this.#sources) this.#settle(source, keys);
    this.#use();
  }

  /** Keys that were added and that no file has. */
  get added(): readonly Key[] {
    return [...this.#changes.added.values()];
  }

  /** Keys that were removed and that a source still has. */
  get removed(): { readonly key: Key; readonly source: KeySource }[] {
    const { removed } = this.#changes;
    return [...this.#sources].flatMap(([source, keys]) =>
      keys.filter(({ fingerprint }) => removed.has(fingerprint)).map((key) => ({ key, source })),
    );
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
    return kid === undefined || only?.key.kid === undefined ? only?.key : undefined;
  }

  has(fingerprint: string): boolean {
    return this.#fingerprints.has(fingerprint);
  }

  /** What was asked for the sessions of a key that {@link remove} has removed; undefined for any other key. */
  sessionsOf(fingerprint: string): SessionsOfRemoved | undefined {
    return this.#changes.removed.get(fingerprint)?.sessions;
  }

  /** Makes the tables from the sources and the changes. */
  #use(): void {
    const { added, removed } = this.#changes;
    const given = [...this.#sources].flatMap(([source, keys]) =>
      keys
        .filter((key) => !removed.has(key.fingerprint) && (key.kid === undefined || !added.has(key.kid)))
        .map((key) => ({ key, source })),
    );
    this.#all = [...[...added.values()].map((key) => ({ key, source: undefined })), ...given];
    const before = this.#fingerprints;
    this.#fingerprints = new Set(this.#all.map(({ key }) => key.fingerprint));
    const named = this.#all.flatMap(({ key }) => (key.kid === undefined ? [] : [[key.kid, key] as const]));
    this.#byKid = new Map(named.toReversed());
    if ([...before].some((fingerprint) => !this.#fingerprints.has(fingerprint))) this.#events.removed();
  }

  /** An added key that a file has now comes from that file. */
  #settle(source: KeySource, keys: readonly Key[]): void {
    const { added } = this.#changes;
    // A key that is at a URL, too, stays added: it must not go when the URL drops it.
    if (added.size === 0 || source.place === "url") return;
    for (const { kid, fingerprint } of keys) {
      const own = kid === undefined ? undefined : added.get(kid);
      if (own === undefined || kid === undefined) continue;
      if (own.fingerprint === fingerprint) added.delete(kid);
      else this.#events.overridden?.(kid, source);
    }
  }

  /** Forgets the removed key that was removed first and that no source has. Throws {@link KeyError} when there is none. */
  #forgetOne(): void {
    const { removed } = this.#changes;
    const hiding = new Set(this.removed.map(({ key }) => key.fingerprint));
    const idle = [...removed.keys()].find((fingerprint) => !hiding.has(fingerprint));
    if (idle === undefined) throw full();
    removed.delete(idle);
  }
}

function full(): KeyError {
  return new KeyError(`there are ${MAX_KEYS} keys already`, "keys_full");
}
