/** Keys from one file, or from a folder that has one file for each key. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { AuthClock } from "../clock.ts";
import { careless, FileError, faultOf, isMissing, type Permissions, readRegularFile, stampOf } from "../files.ts";
import type { Warn } from "../warn.ts";
import { Watch } from "../watch.ts";
import { type Ignored, type Key, KeyError, MAX_KEYS_TEXT, parseKeys } from "./key.ts";
import type { KeyRing, KeySource } from "./ring.ts";

/** Name of a key's file in a folder, as moq-relay has it: `KID.jwk`. */
const KEY_FILE = /^([\w-]{1,128})\.jwk$/;

/** Path of the key's file in a folder; undefined for a `kid` that cannot be its name. */
export function keyFileIn(folder: string, kid: string): string | undefined {
  const name = `${kid}.jwk`;
  return KEY_FILE.test(name) ? join(folder, name) : undefined;
}

export interface FileKeysOptions {
  readonly clock: AuthClock;
  readonly ring: KeyRing;
  readonly warn: Warn;
  /** Milliseconds for which a key stays in use while its file cannot be read. */
  readonly keepMs: number;
}

/** A file or folder that is checked at short intervals. */
export interface FileSource {
  /** Since when it cannot be read, in milliseconds of the monotonic clock; its last content is still in use then. */
  readonly blindSince: number | undefined;
  /** Checks that failed since the start. */
  readonly failures: number;
  /** Checks now, after a check that is running. Never rejects. */
  checkNow(): Promise<void>;
  close(): void;
}

/** Puts the keys of a text into the ring. `what`: its name in messages and lists. Throws an error that has nothing of the text. */
export function useKeyText(text: string, what: string, { ring, warn }: Pick<FileKeysOptions, "ring" | "warn">): void {
  const ignored = ({ name, why }: Ignored) =>
    warn(`${what}: the key ${name} is not used: ${why}`, undefined, "key_not_used");
  try {
    const keys = parseKeys(text, ignored);
    for (const key of keys) adviseUse(warn, what, key);
    ring.put({ place: "text", name: what }, keys);
  } catch (error) {
    throw new Error(`${what} cannot be used: ${faultOf(error)}`, { cause: error });
  }
}

/** Keeps the keys of a JWK or JWK set file in the ring. Rejects when it cannot be read at the start. */
export async function watchKeyFile(file: string, { clock, ring, warn }: FileKeysOptions): Promise<FileSource> {
  const what = `the key file ${file}`;
  const source = { place: "file", name: what, file } as const;
  const load = async () => {
    const { text, ...permissions } = await readRegularFile(file, MAX_KEYS_TEXT);
    const ignored = ({ name, why }: Ignored) =>
      warn(`${what}: the key ${name} is not used: ${why}`, undefined, "key_not_used");
    const keys = parseKeys(text, ignored);
    for (const key of keys) advise(warn, what, key, permissions);
    ring.put(source, keys);
  };
  return await Watch.open({ clock, warn, what, stamp: () => stampOf(file), load });
}

/**
 * Keeps the keys of a folder in the ring. A key leaves the ring when its file is removed. A file that cannot be used is logged and
 * ignored; a key that was read from it before stays in use for `keepMs`, because files are written in steps.
 */
export async function watchKeyFolder(folder: string, options: FileKeysOptions): Promise<FileSource> {
  const keys = new KeyFolder(folder, options);
  const { clock, warn } = options;
  const what = `the key folder ${folder}`;
  const watch = await Watch.open({
    clock,
    warn,
    what,
    stamp: (step) => keys.stamp(step),
    load: (step) => keys.load(step),
  });
  return {
    get blindSince() {
      return earliest(watch.blindSince, keys.staleSince);
    },
    get failures() {
      return watch.failures + keys.failures;
    },
    checkNow: () => watch.checkNow(),
    close: () => watch.close(),
  };
}

/** The state of one file of the folder. */
interface KeyFile {
  readonly stamp: string;
  readonly key: Key | undefined;
  /** Why it cannot be used, and since when, in milliseconds of the monotonic clock. */
  readonly broken?: { readonly since: number; readonly why: string };
}

class KeyFolder {
  readonly #folder: string;
  readonly #source: KeySource;
  readonly #options: FileKeysOptions;
  #known: ReadonlyMap<string, KeyFile> = new Map();
  #folderAdvice: string | undefined;
  #empty = false;
  /**
   * Counts checks. It is part of the stamp while a file cannot be read for a reason outside the file, so that the file is read at each
   * check until that has passed.
   */
  #looks = 0;
  /** Reads of files that could not be used. */
  failures = 0;

  constructor(folder: string, options: FileKeysOptions) {
    this.#folder = folder;
    this.#source = { place: "folder", name: `the key folder ${folder}`, file: folder };
    this.#options = options;
  }

  /** Since when the first key that is still in use has had no usable file. */
  get staleSince(): number | undefined {
    let first: number | undefined;
    for (const { key, broken } of this.#known.values()) {
      if (key !== undefined) first = earliest(first, broken?.since);
    }
    return first;
  }

  async stamp(step: () => void): Promise<string> {
    const stamps: string[] = [];
    // One at a time: each would block a thread on a file system that hangs.
    for (const name of await this.#names()) {
      step();
      const known = this.#known.get(name);
      const again = known?.stamp === UNREADABLE || this.#isOver(known);
      stamps.push(`${name}=${again ? this.#looks++ : await this.#stampOf(name)}`);
    }
    return stamps.join();
  }

  async load(step: () => void): Promise<void> {
    const next = new Map<string, KeyFile>();
    await this.#adviseFolder();
    for (const name of await this.#names()) {
      step();
      const before = this.#known.get(name);
      const unchanged = before !== undefined && before.stamp === (await this.#stampOf(name));
      const file = unchanged ? before : await this.#read(name, before);
      if (file !== undefined) next.set(name, this.#isOver(file) ? { ...file, key: undefined } : file);
    }
    const keys = [...next.values()].flatMap(({ key }) => key ?? []);
    this.#options.ring.put(this.#source, keys);
    this.#known = next;
    this.#adviseEmpty(keys.length === 0);
  }

  /** The stamp of a file, or the error that prevents one. */
  async #stampOf(name: string): Promise<string> {
    return await stampOf(join(this.#folder, name)).catch(String);
  }

  async #names(): Promise<string[]> {
    return (await readdir(this.#folder)).filter((name) => KEY_FILE.test(name)).sort();
  }

  /** True when its key has been kept for `keepMs` without a usable file. */
  #isOver(file: KeyFile | undefined): boolean {
    const { clock, keepMs } = this.#options;
    return file?.key !== undefined && file.broken !== undefined && clock.now() - file.broken.since >= keepMs;
  }

  /** Undefined for a file that does not exist. */
  async #read(name: string, before: KeyFile | undefined): Promise<KeyFile | undefined> {
    const { clock, warn, keepMs } = this.#options;
    const file = join(this.#folder, name);
    try {
      const { text, stamp, ...permissions } = await readRegularFile(file, MAX_KEYS_TEXT);
      const key = keyOfFile(name, text);
      advise(warn, `the key file ${file}`, key, permissions);
      return { stamp, key };
    } catch (error) {
      if (isMissing(error)) return undefined;
      this.failures++;
      // A path that is no longer a regular file counts as removed.
      const key = error instanceof FileError ? undefined : before?.key;
      const why = faultOf(error);
      const kept = key === undefined ? "" : `; the key read from it before stays in use for ${keepMs / 1_000} s`;
      if (why !== before?.broken?.why)
        warn(`the key file ${file} is not used: ${why}${kept}`, undefined, "key_not_used");
      const explained = error instanceof FileError || error instanceof KeyError;
      const stamp = explained ? await this.#stampOf(name) : UNREADABLE;
      return { stamp, key, broken: { since: before?.broken?.since ?? clock.now(), why } };
    }
  }

  /** Warns at the start and later, once each time that the folder has no usable key. */
  #adviseEmpty(empty: boolean): void {
    if (empty && !this.#empty) {
      this.#options.warn(
        `the key folder ${this.#folder} has no usable key; this relay refuses every token until the folder has a file KID.jwk`,
        undefined,
        "keys_empty",
      );
    }
    this.#empty = empty;
  }

  /** Warns once for each change of the permissions. */
  async #adviseFolder(): Promise<void> {
    const advice = careless(`the key folder ${this.#folder}`, await stat(this.#folder), false);
    if (advice !== undefined && advice !== this.#folderAdvice) {
      this.#options.warn(`${advice}, and so grant access to anyone`, undefined, "secret_readable");
    }
    this.#folderAdvice = advice;
  }
}

/** In place of a stamp: the file is read again at each check. */
const UNREADABLE = "unreadable";

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

/** A file of the folder has exactly one key, and the file's name is its `kid`. */
function keyOfFile(name: string, text: string): Key {
  const kid = KEY_FILE.exec(name)?.[1];
  const [key, second] = parseKeys(text, undefined, kid);
  if (key === undefined || second !== undefined) throw new KeyError("it must contain exactly one key");
  if (key.kid !== kid) throw new KeyError("the `kid` in it differs from the file's name");
  return key;
}

/** Warns of a key that is used although it is unwise to. */
function advise(warn: Warn, what: string, key: Key, permissions: Permissions): void {
  adviseUse(warn, what, key);
  const advice = careless(what, permissions, key.holds !== "public");
  if (advice !== undefined) warn(advice, undefined, "secret_readable");
}

function adviseUse(warn: Warn, what: string, key: Key): void {
  const which = key.kid === undefined ? "its key" : `the key ${JSON.stringify(key.kid)}`;
  if (!key.verifies) {
    warn(`${what}: ${which} is for signing only (\`key_ops\`), so it verifies no token`, undefined, "key_signs_only");
  }
  if (key.holds === "private") {
    const message = `${what}: ${which} is a private key, which can sign tokens; the relay needs only the public half`;
    warn(message, undefined, "key_private");
  }
}
