/** Writes keys that were added, and removes those that were removed, in the folder or the file of keys. */
import { realpath, rm } from "node:fs/promises";
import { dirname } from "node:path";
import * as z from "zod";
import { faultOf, isMissing, readRegularFile, replaceFile, syncFolder } from "../files.ts";
import { keyFileIn } from "./files.ts";
import { type Key, KeyError, MAX_KEYS_TEXT, parseKeys, rawKeys, toKey } from "./key.ts";
import type { KeySource } from "./ring.ts";

/** Permissions of a new file with a public key, and of one with a secret. */
const PUBLIC_MODE = 0o644;
const SECRET_MODE = 0o600;
const PERMISSIONS = 0o777;

const OTHER_KEY = "the file has another key with this `kid`, or one that only signs; it stays as it is";
const NO_KEY = "there is a file, and the relay cannot read a key from it; it stays as it is";

/** A change that could not be saved. */
export interface NotSaved {
  readonly kid: string;
  /** The end of a sentence. */
  readonly why: string;
}

export interface KeyPlaces {
  readonly folder: string | undefined;
  readonly file: string | undefined;
}

export interface KeyChanges {
  readonly added: readonly Key[];
  readonly removed: readonly { readonly key: Key; readonly source: KeySource }[];
}

interface SaveEvents {
  /** Called after each file. */
  readonly step: () => void;
  readonly warn: (message: string) => void;
}

interface Saved {
  readonly kid: string;
  readonly file: string;
}

/**
 * Saves each change on its own: one that cannot be saved keeps no other from it. The folder of keys is preferred to the file. A key that was
 * not removed here is never overwritten: it may be the only copy of a private key.
 */
export async function saveKeys(
  { folder, file }: KeyPlaces,
  { added, removed }: KeyChanges,
  { step, warn }: SaveEvents,
): Promise<{ saved: number; files: string[]; left: NotSaved[] }> {
  const done: Saved[] = [];
  const left: NotSaved[] = [];
  // `work` resolves with the keys that it leaves, since the file has others with their `kid`.
  const attempt = async (keys: readonly Key[], path: string, work: () => Promise<readonly Key[]>) => {
    const leave = ({ kid = "" }: Key, why: string) => left.push({ kid, why: `${path}: ${why}` });
    try {
      const taken = new Set(await work());
      for (const key of keys) {
        if (taken.has(key)) leave(key, OTHER_KEY);
        else done.push({ kid: key.kid ?? "", file: path });
      }
    } catch (error) {
      for (const key of keys) leave(key, faultOf(error));
    }
    step();
  };
  const inFile: { added: Key[]; removed: Key[] } = { added: [], removed: [] };
  for (const { key, source } of removed) {
    const { kid = "" } = key;
    const path = source.place === "folder" && source.file !== undefined ? keyFileIn(source.file, kid) : undefined;
    if (path !== undefined) await attempt([key], path, () => removeKeyFile(path, key));
    else if (source.place === "file") inFile.removed.push(key);
    else left.push({ kid, why: `it comes from ${source.name}, which the relay cannot change: remove it there` });
  }
  for (const key of added) {
    const { kid = "" } = key;
    const path = folder === undefined ? undefined : keyFileIn(folder, kid);
    if (path !== undefined) await attempt([key], path, () => writeKeyFile(path, key));
    else if (folder !== undefined)
      left.push({ kid, why: "this `kid` cannot be the name of a file in the folder of keys" });
    else if (file !== undefined) inFile.added.push(key);
    else left.push({ kid, why: "keys are saved only where `[auth] key_dir` or `key_file` names a place for them" });
  }
  const all = [...inFile.removed, ...inFile.added];
  if (file !== undefined && all.length > 0) await attempt(all, file, () => changeSet(file, inFile, warn));
  return { saved: done.length, files: [...new Set(done.map((one) => one.file))], left };
}

/** Writes the file if there is none. */
async function writeKeyFile(path: string, key: Key): Promise<readonly Key[]> {
  const found = await keysIn(path, key);
  if (found !== undefined) return found.some((one) => isSame(one, key)) ? [] : [key];
  const text = `${JSON.stringify(key.jwk, null, 2)}\n`;
  await replaceFile(path, text, key.holds === "public" ? PUBLIC_MODE : SECRET_MODE);
  return [];
}

/** Removes the file if it still has this key. */
async function removeKeyFile(path: string, key: Key): Promise<readonly Key[]> {
  const found = await keysIn(path, key);
  if (found?.some((one) => isSame(one, key)) !== true) return [];
  await rm(path, { force: true });
  await syncFolder(dirname(path));
  return [];
}

/** The keys in the file of a folder that is for `kid`; undefined when there is no file. Rejects with {@link KeyError} for a broken one. */
async function keysIn(path: string, { kid }: Key): Promise<Key[] | undefined> {
  try {
    const { text } = await readRegularFile(path, MAX_KEYS_TEXT);
    return parseKeys(text, undefined, kid);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error instanceof KeyError ? new KeyError(NO_KEY, error.code, { cause: error }) : error;
  }
}

/** True when what is in a file is a key of the ring: the private half of a key may be in use for signing only, by another program. */
function isSame(inFile: Key, key: Key): boolean {
  return inFile.verifies && inFile.fingerprint === key.fingerprint;
}

/**
 * Changes the set in a file. Its other keys stay as they are, also those that the relay cannot use. Resolves with the added keys that it
 * leaves, because another key has their `kid`.
 */
async function changeSet(
  file: string,
  { added, removed }: { readonly added: readonly Key[]; readonly removed: readonly Key[] },
  warn: SaveEvents["warn"],
): Promise<readonly Key[]> {
  // A link stays, and the file that it leads to is replaced.
  const target = await realpath(file);
  const { text, mode } = await readRegularFile(target, MAX_KEYS_TEXT);
  const before = rawKeys(text).map((raw) => ({ raw, kid: kidOf(raw), key: keyOf(raw) }));
  const kept = before.filter(({ key }) => key === undefined || !removed.some((one) => isSame(key, one)));
  const isThere = (one: Key) => kept.some(({ key }) => key !== undefined && isSame(key, one));
  const missing = added.filter((one) => !isThere(one));
  const taken = missing.filter((one) => kept.some(({ kid }) => kid === one.kid));
  const fresh = missing.filter((one) => !taken.includes(one));
  if (fresh.length === 0 && kept.length === before.length) return taken;
  const keys = [...kept.map(({ raw }) => raw), ...fresh.map(({ jwk }) => jwk)];
  const old = mode & PERMISSIONS;
  const next = fresh.some(({ holds }) => holds !== "public") ? old & SECRET_MODE : old;
  await replaceFile(target, `${JSON.stringify({ keys }, null, 2)}\n`, next);
  if (next !== old) {
    const [from, to] = [old, next].map((one) => one.toString(8).padStart(4, "0"));
    warn(`the key file ${file}: its mode is now ${to} in place of ${from}, because a shared secret was saved in it`);
  }
  return taken;
}

/** The `kid` of a key, also of one that the relay cannot use. */
function kidOf(raw: unknown): string | undefined {
  return z.object({ kid: z.string() }).safeParse(raw).data?.kid;
}

/** Undefined for a key that the relay cannot use. */
function keyOf(raw: unknown): Key | undefined {
  try {
    return toKey(raw);
  } catch (error) {
    if (error instanceof KeyError) return undefined;
    throw error;
  }
}
