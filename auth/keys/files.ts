/** Keys from a file, or from a folder with a file for each key. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { AuthClock } from "../clock.ts";
import { carelessness, FileError, faultOf, isMissing, readRegular, stampOf } from "../files.ts";
import { Watch } from "../watch.ts";
import { type Ignored, type Key, KeyError, MAX_KEYS_TEXT, parseKeys } from "./key.ts";
import type { KeyRing } from "./ring.ts";

/** Name of a key's file in a folder, as moq-relay has it: `KID.jwk`. */
const KEY_FILE = /^([\w-]{1,128})\.jwk$/;

export interface FileKeysOptions {
  readonly clock: AuthClock;
  readonly ring: KeyRing;
  readonly warn: (message: string, error?: unknown) => void;
  /** Milliseconds that a key is used which was read before and cannot be now. */
  readonly keepMs: number;
}

/** Something on disk that is looked at again and again. */
export interface FileSource {
  /** Since when it cannot be read, in milliseconds of the monotonic clock, while what was read before is still in use. */
  readonly blindSince: number | undefined;
  /** Looks that failed since the start. */
  readonly failures: number;
  close(): void;
}

/** Keeps the keys of a JWK or JWK set file in the ring. Rejects when it cannot be read at the start. */
export async function watchKeyFile(file: string, { clock, ring, warn }: FileKeysOptions): Promise<FileSource> {
  const source = {};
  const what = `the key file ${file}`;
  const load = async () => {
    const { text, mode } = await readRegular(file, MAX_KEYS_TEXT);
    const ignored = ({ name, why }: Ignored) => warn(`${what}: the key ${name} is not used: ${why}`);
    const keys = parseKeys(text, ignored);
    for (const key of keys) advise(warn, what, key, mode);
    ring.put(source, keys);
  };
  return await Watch.open({ clock, warn, what, stamp: () => stampOf(file), load });
}

/**
 * Keeps the keys of a folder in the ring; a file that is removed takes its key along. A file that cannot be used is
 * left out with a warning; where its key was in use before, that stays so for `keepMs`, because files are written in steps.
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
    close: () => watch.close(),
  };
}

/** What is known of one file of a folder. */
interface KeyFile {
  readonly stamp: string;
  readonly key: Key | undefined;
  /** Why it cannot be used, and since when, in milliseconds of the monotonic clock. */
  readonly broken?: { readonly since: number; readonly why: string };
}

class KeyFolder {
  readonly #folder: string;
  readonly #options: FileKeysOptions;
  #known: ReadonlyMap<string, KeyFile> = new Map();
  #folderAdvice: string | undefined;
  #empty = false;
  /** Looks so far: it is part of the stamp while a file cannot be read for another reason than what is in it, which may pass. */
  #looks = 0;
  /** Files that could not be used, each time that they were read. */
  failures = 0;

  constructor(folder: string, options: FileKeysOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** Since when a key is in use whose file cannot be used any more. */
  get staleSince(): number | undefined {
    let first: number | undefined;
    for (const { key, broken } of this.#known.values()) {
      if (key !== undefined) first = earliest(first, broken?.since);
    }
    return first;
  }

  async stamp(step: () => void): Promise<string> {
    const stamps: string[] = [];
    // One after the other: on a file system that hangs, each would hold a thread.
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
    this.#options.ring.put(this, keys);
    this.#known = next;
    this.#adviseEmpty(keys.length === 0);
  }

  /** Why there is none, for a file that cannot be looked at. */
  async #stampOf(name: string): Promise<string> {
    return await stampOf(join(this.#folder, name)).catch(String);
  }

  async #names(): Promise<string[]> {
    return (await readdir(this.#folder)).filter((name) => KEY_FILE.test(name)).sort();
  }

  /** Its key was kept for as long as it may be. */
  #isOver(file: KeyFile | undefined): boolean {
    const { clock, keepMs } = this.#options;
    return file?.key !== undefined && file.broken !== undefined && clock.now() - file.broken.since >= keepMs;
  }

  /** Nothing for a file that is not there. */
  async #read(name: string, before: KeyFile | undefined): Promise<KeyFile | undefined> {
    const { clock, warn, keepMs } = this.#options;
    const file = join(this.#folder, name);
    try {
      const { text, mode, stamp } = await readRegular(file, MAX_KEYS_TEXT);
      const key = keyOfFile(name, text);
      advise(warn, `the key file ${file}`, key, mode);
      return { stamp, key };
    } catch (error) {
      if (isMissing(error)) return undefined;
      this.failures++;
      // What is no file any more is as good as removed.
      const key = error instanceof FileError ? undefined : before?.key;
      const why = faultOf(error);
      const kept = key === undefined ? "" : `; the key that was read before stays in use for ${keepMs / 1_000} s`;
      if (why !== before?.broken?.why) warn(`the key file ${file} is not used: ${why}${kept}`);
      const told = error instanceof FileError || error instanceof KeyError;
      const stamp = told ? await this.#stampOf(name) : UNREADABLE;
      return { stamp, key, broken: { since: before?.broken?.since ?? clock.now(), why } };
    }
  }

  /** Each time that it has no key left, or begins without one. */
  #adviseEmpty(empty: boolean): void {
    if (empty && !this.#empty) {
      this.#options.warn(
        `the key folder ${this.#folder} holds no key that can be used (files KID.jwk): it lets no token in until there is one`,
      );
    }
    this.#empty = empty;
  }

  /** Once for each state of its permissions. */
  async #adviseFolder(): Promise<void> {
    const careless = carelessness((await stat(this.#folder)).mode, false);
    if (careless !== undefined && careless !== this.#folderAdvice) {
      this.#options.warn(`the key folder ${this.#folder}: ${careless}, and so let anybody in`);
    }
    this.#folderAdvice = careless;
  }
}

/** In place of a stamp: the file is tried again at each look. */
const UNREADABLE = "unreadable";

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

/** A folder's file holds one key, and its name is the key's `kid`. */
function keyOfFile(name: string, text: string): Key {
  const kid = KEY_FILE.exec(name)?.[1];
  const [key, second] = parseKeys(text, undefined, kid);
  if (key === undefined || second !== undefined) throw new KeyError("it does not hold exactly one key");
  if (key.kid !== kid) throw new KeyError("its `kid` is not its file's name");
  return key;
}

/** Says what an operator should know of a key that is used all the same. */
function advise(warn: FileKeysOptions["warn"], what: string, key: Key, mode: number): void {
  const which = key.kid === undefined ? "its key" : `the key ${JSON.stringify(key.kid)}`;
  if (!key.verifies) warn(`${what}: ${which} is for signing only (\`key_ops\`) and verifies nothing`);
  if (key.holds === "private") {
    warn(
      `${what}: ${which} is a private key; the relay needs its public half only, and tokens can be signed with this one`,
    );
  }
  const careless = carelessness(mode, key.holds !== "public");
  if (careless !== undefined) warn(`${what}: ${careless}`);
}
