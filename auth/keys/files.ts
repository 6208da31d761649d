/** Keys from a file, or from a folder with a file for each key. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { AuthClock } from "../clock.ts";
import { Watch } from "../watch.ts";
import { type Key, KeyError, parseKeys } from "./key.ts";
import type { KeyRing } from "./ring.ts";

/** Name of a key's file in a folder, as moq-relay has it: `KID.jwk`. */
const KEY_FILE = /^([\w-]{1,128})\.jwk$/;

export interface FileKeysOptions {
  readonly clock: AuthClock;
  readonly ring: KeyRing;
  readonly warn: (message: string, error?: unknown) => void;
}

/** Changes with the content of a file, also when another file takes its place. */
export async function stampOf(file: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(file);
  return `${mtimeMs}:${size}:${ino}`;
}

/** Keeps the keys of a JWK or JWK set file in the ring. Rejects when it cannot be read at the start. */
export async function watchKeyFile(file: string, { clock, ring, warn }: FileKeysOptions): Promise<Watch> {
  const source = {};
  return await Watch.open({
    clock,
    warn,
    what: `the key file ${file}`,
    stamp: () => stampOf(file),
    load: async () => ring.put(source, named(file, parseKeys, await readFile(file, "utf8"))),
  });
}

/**
 * Keeps the keys of a folder in the ring; a file that is removed takes its key along. A file that cannot be used is
 * told and left out, or stays as it was before.
 */
export async function watchKeyFolder(folder: string, { clock, ring, warn }: FileKeysOptions): Promise<Watch> {
  const source = {};
  let known = new Map<string, { stamp: string; key: Key | undefined }>();
  const files = async () => (await readdir(folder)).filter((name) => KEY_FILE.test(name)).sort();
  const load = async () => {
    const next: typeof known = new Map();
    for (const name of await files()) {
      const file = join(folder, name);
      const before = known.get(name);
      const stamp = await stampOf(file).catch(() => undefined);
      if (stamp === undefined) continue;
      if (before?.stamp === stamp) {
        next.set(name, before);
        continue;
      }
      try {
        next.set(name, { stamp, key: keyOfFile(name, await readFile(file, "utf8")) });
      } catch (error) {
        warn(`the key file ${file} is not used: ${error instanceof Error ? error.message : String(error)}`);
        next.set(name, { stamp, key: before?.key });
      }
    }
    ring.put(
      source,
      [...next.values()].flatMap(({ key }) => key ?? []),
    );
    known = next;
  };
  const stamp = async () => {
    const stamps = await Promise.all(
      (await files()).map(async (name) => `${name}=${await stampOf(join(folder, name)).catch(() => "gone")}`),
    );
    return stamps.join();
  };
  return await Watch.open({ clock, warn, what: `the key folder ${folder}`, stamp, load });
}

/** A folder's file holds one key, and its name is the key's `kid`. */
function keyOfFile(name: string, text: string): Key {
  const kid = KEY_FILE.exec(name)?.[1];
  const [key, second] = parseKeys(text);
  if (key === undefined || second !== undefined) throw new KeyError("it does not hold exactly one key");
  if (key.kid !== undefined && key.kid !== kid) throw new KeyError("its `kid` is not its file's name");
  return key.kid === undefined ? { ...key, kid, verifier: key.verifier } : key;
}

function named<T>(file: string, parse: (text: string) => T, text: string): T {
  try {
    return parse(text);
  } catch (error) {
    throw new KeyError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
