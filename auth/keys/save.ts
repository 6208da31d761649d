/** Writes keys that were added, and removes those that were removed, in the folder or the file of keys. */
import { realpath, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { faultOf, isMissing, readRegularFile, replaceFile, syncFolder } from "../files.ts";
import { keyFileIn } from "./files.ts";
import { type Key, KeyError, MAX_KEYS_TEXT, parseKeys, rawKeys, toKey } from "./key.ts";
import type { KeySource } from "./ring.ts";

/** Permissions of a new file with a public key, and of one with a secret. */
const PUBLIC_MODE = 0o644;
const SECRET_MODE = 0o600;

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

interface Saved {
  readonly kid: string;
  readonly file: string;
}

/**
 * Saves each change on its own: one that cannot be saved keeps no other from it. `step` is called after each file. The folder of keys is
 * preferred to the file.
 */
export async function saveKeys(
  { folder, file }: KeyPlaces,
  { added, removed }: KeyChanges,
  step: () => void,
): Promise<{ saved: number; files: string[]; left: NotSaved[] }> {
  const done: Saved[] = [];
  const left: NotSaved[] = [];
  const attempt = async (kids: readonly string[], path: string, work: () => Promise<void>) => {
    try {
      await work();
      for (const kid of kids) done.push({ kid, file: path });
    } catch (error) {
      for (const kid of kids) left.push({ kid, why: `${path}: ${faultOf(error)}` });
    }
    step();
  };
  const inFile: { added: Key[]; removed: Key[] } = { added: [], removed: [] };
  for (const { key, source } of removed) {
    const { kid = "" } = key;
    const path = source.place === "folder" && source.file !== undefined ? keyFileIn(source.file, kid) : undefined;
    if (path !== undefined) await attempt([kid], path, () => removeKeyFile(path, key));
    else if (source.place === "file") inFile.removed.push(key);
    else left.push({ kid, why: `it comes from ${source.name}, which the relay cannot change: remove it there` });
  }
  for (const key of added) {
    const { kid = "" } = key;
    const path = folder === undefined ? undefined : keyFileIn(folder, kid);
    if (path !== undefined) await attempt([kid], path, () => writeKeyFile(path, key));
    else if (folder !== undefined)
      left.push({ kid, why: "this `kid` cannot be the name of a file in the folder of keys" });
    else if (file !== undefined) inFile.added.push(key);
    else left.push({ kid, why: "keys are saved only where `[auth] key_dir` or `key_file` names a place for them" });
  }
  const kids = [...inFile.removed, ...inFile.added].map(({ kid = "" }) => kid);
  if (file !== undefined && kids.length > 0) await attempt(kids, file, () => changeSet(file, inFile));
  return { saved: done.length, files: [...new Set(done.map((one) => one.file))], left };
}

async function writeKeyFile(path: string, key: Key): Promise<void> {
  const text = `${JSON.stringify(key.jwk, null, 2)}\n`;
  await replaceFile(path, text, key.holds === "public" ? PUBLIC_MODE : SECRET_MODE);
}

/** Removes the file if it still has this key. */
async function removeKeyFile(path: string, key: Key): Promise<void> {
  try {
    const { text } = await readRegularFile(path, MAX_KEYS_TEXT);
    if (!parseKeys(text, undefined, key.kid).some(({ fingerprint }) => fingerprint === key.fingerprint)) return;
    await rm(path);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Changes the set in a file. Its other keys stay as they are, also those that the relay cannot use. */
async function changeSet(file: string, changes: { readonly added: readonly Key[]; readonly removed: readonly Key[] }) {
  // A link stays, and the file that it leads to is replaced.
  const target = await realpath(file);
  const { text, mode } = await readRegularFile(target, MAX_KEYS_TEXT);
  const gone = new Set(changes.removed.map(({ fingerprint }) => fingerprint));
  const kids = new Set(changes.added.map(({ kid }) => kid));
  const kept = rawKeys(text).filter((raw) => {
    const key = keyOf(raw);
    return key === undefined || !(gone.has(key.fingerprint) || kids.has(key.kid));
  });
  const keys = [...kept, ...changes.added.map(({ jwk }) => jwk)];
  await replaceFile(target, `${JSON.stringify({ keys }, null, 2)}\n`, mode);
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
