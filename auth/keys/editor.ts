/** Adds and removes keys while the relay runs, and saves what was changed. */
import type { AuthClock } from "../clock.ts";
import type { FileSource } from "./files.ts";
import { type Key, KeyError, parseKeys } from "./key.ts";
import type { KeyRing, SessionsOfRemoved } from "./ring.ts";
import { type NotSaved, saveKeys } from "./save.ts";
import { SaveTurns } from "./turns.ts";

/** What may be shown of a key. */
export interface ListedKey extends Pick<Key, "kid" | "algs" | "holds" | "scope"> {
  /** The file, folder or URL that it comes from, without credentials; undefined for one that was added and is in no file. */
  readonly source: string | undefined;
}

/** A change that no file has: it counts until the relay ends. */
export interface UnsavedKey {
  readonly kid: string;
  readonly change: "added" | "removed";
}

export interface AddedKey {
  readonly listed: ListedKey;
  /** Tokens without `kid` are refused from now on: they were accepted while there was one key. */
  readonly needsKid: boolean;
}

export interface SavedKeys {
  /** Keys that were written or removed. */
  readonly saved: number;
  /** Files that were changed. */
  readonly files: readonly string[];
  readonly left: readonly NotSaved[];
}

export interface KeyEditorDeps {
  readonly ring: KeyRing;
  readonly clock: AuthClock;
  readonly warn: (message: string) => void;
  /** The settings of the sources. */
  readonly options: {
    readonly keyFile?: string;
    readonly keyFolder?: string;
    /** An external service decides, so keys do not. */
    readonly api?: unknown;
  };
  /** The watches of file and folder. */
  readonly watches: readonly FileSource[];
  /** True when tokens of the key are revoked. */
  readonly revoked: (kid: string) => boolean;
  /** What happens to the sessions of a removed key unless the caller says so. */
  readonly usual: () => SessionsOfRemoved;
}

export class KeyEditor {
  readonly #deps: KeyEditorDeps;
  #turns = new SaveTurns();
  #waiting: Promise<SavedKeys> | undefined;

  constructor(deps: KeyEditorDeps) {
    this.#deps = deps;
  }

  /** Saves after those of `before`, whose place it takes. */
  follow(before: KeyEditor): void {
    this.#turns = before.#turns;
  }

  /** The keys that verify tokens now, without their material. */
  list(): ListedKey[] {
    return this.#deps.ring.list().map(({ key, source }) => listed(key, source?.name));
  }

  /** Changes that no file has. */
  unsaved(): UnsavedKey[] {
    const { added, removed } = this.#deps.ring;
    const gone = new Set(removed.map(({ key }) => key.kid ?? ""));
    return [
      ...added.map(({ kid = "" }) => ({ kid, change: "added" as const })),
      ...[...gone].map((kid) => ({ kid, change: "removed" as const })),
    ];
  }

  /** The file or folder that {@link save} writes keys into. */
  get place(): string | undefined {
    const { keyFolder, keyFile } = this.#deps.options;
    return keyFolder ?? keyFile;
  }

  /** The one key in `text`, a JWK or PEM, if it can be added. `kid` names a key that has none. Throws {@link KeyError}. */
  read(text: string, kid?: string): Key {
    return usable(text, kid);
  }

  /** Adds a key from {@link read}: it verifies tokens at once and until the relay ends or {@link save}. Throws {@link KeyError}. */
  add(key: Key): AddedKey {
    const { ring, options, revoked } = this.#deps;
    const { kid: name } = key;
    if (name === undefined)
      throw new KeyError("the key has no `kid`, by which tokens name their key: give it one with `kid`", "kid_missing");
    // Programs take these parts out of a URL, so that the key could not be removed.
    if (name === "." || name === "..")
      throw new KeyError("a `kid` cannot be `.` or `..`: give the key another one", "kid_unfit");
    if (options.api !== undefined) {
      throw new KeyError("`[auth] api` decides on every session, so this relay has no keys", "auth_api_decides");
    }
    const before = ring.list();
    if (before.some(({ key: one }) => one.kid === name))
      throw new KeyError("a key has this `kid` already", "kid_taken");
    if (revoked(name)) {
      throw new KeyError("this `kid` is revoked: remove the revocation, or give the key another `kid`", "kid_revoked");
    }
    const [only, second] = before;
    if (only !== undefined && second === undefined && only.key.kid === undefined) {
      const why =
        "tokens find the relay's only key, which has no `kid`, while it is the only one: give it a `kid` first";
      throw new KeyError(why, "key_without_kid");
    }
    ring.add(name, key);
    return { listed: listed(key, undefined), needsKid: only !== undefined && second === undefined };
  }

  /**
   * Removes the key with this `kid` at once, until the relay ends or {@link save}; a key with other material may take its `kid`. `force`: also
   * when it is the last key. Returns what happens to its sessions. Throws {@link KeyError}.
   */
  remove(kid: string, { force, sessions }: { force: boolean; sessions?: SessionsOfRemoved | undefined }) {
    const { ring, usual } = this.#deps;
    const found = ring.list().filter(({ key }) => key.kid === kid);
    if (found.length === 0) throw new KeyError("there is no key with this `kid`", "no_such_key");
    const url = found.find(({ source }) => source?.place === "url")?.source;
    if (url !== undefined) {
      throw new KeyError(`this key comes from ${url.name}: remove it there, or revoke its \`kid\``, "key_from_url");
    }
    if (ring.size === found.length && !force) {
      throw new KeyError("this is the last key: without it the relay accepts no token; `force` removes it", "last_key");
    }
    const then = sessions ?? usual();
    ring.remove(kid, then);
    return then;
  }

  /**
   * Writes what was added into the folder of keys or, where there is none, into the file of keys, and removes there what was removed. Rejects
   * with {@link KeyError} when nothing could be saved; the files are as they were then. One save runs at a time, and a save that hangs keeps
   * the others waiting. Calls that wait share one save: it writes what has changed when its turn comes.
   */
  async save(): Promise<SavedKeys> {
    this.#waiting ??= this.#turns.take((step) => {
      this.#waiting = undefined;
      return this.#write(step);
    });
    const outcome = await this.#turns.within(this.#deps.clock, this.#waiting).catch((cause: unknown) => {
      throw new KeyError("the file system of the keys does not answer", "keys_not_saved", { cause });
    });
    const [first] = outcome.left;
    if (outcome.saved > 0 || first === undefined) return outcome;
    const code = this.place === undefined ? "no_place_for_keys" : "keys_not_saved";
    throw new KeyError(outcome.left.map(({ kid, why }) => `${kid}: ${why}`).join("; "), code);
  }

  async #write(step: () => void): Promise<SavedKeys> {
    const { ring, options, watches, warn } = this.#deps;
    const { added, removed } = ring;
    const places = { folder: options.keyFolder, file: options.keyFile };
    const outcome = await saveKeys(places, { added, removed }, { step, warn });
    // The list says at once that they are saved.
    for (const watch of watches) await watch.checkNow();
    return outcome;
  }
}

/** The one key of a text, if it can verify tokens. Throws {@link KeyError}. */
function usable(text: string, kid?: string): Key {
  const [key, second] = parseKeys(text, undefined, kid);
  if (key === undefined || second !== undefined) throw new KeyError("add one key at a time");
  if (kid !== undefined && key.kid !== kid) throw new KeyError("the key has another `kid` than the one that is given");
  if (key.holds === "private") {
    throw new KeyError("this is a private key: the relay needs the public half only", "key_private");
  }
  if (!key.verifies) throw new KeyError("its `key_ops` do not permit verifying", "key_unfit");
  return key;
}

function listed({ kid, algs, holds, scope }: Key, source: string | undefined): ListedKey {
  return { kid, algs, holds, scope, source };
}
