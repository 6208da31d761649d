import { createHmac, randomBytes } from "node:crypto";
import { link, lstat, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "../../transport/shared/index.ts";
import { readRegularFile } from "../../transport/tls/index.ts";

/** Shortest stateless reset key, in bytes. */
export const MIN_RESET_KEY = 32;

const FILE = "reset.key";
/** Permissions of the file: only the relay's own user may read it. */
const FILE_MODE = 0o600;
/** Longest key file, in bytes; a longer file is not a key. */
const MAX_FILE = 4_096;

/**
 * Reads the stateless reset key in the state folder, and makes it if there is none. With the same key after a restart, also after a kill, a
 * peer that still sends on its old connection learns at once that it is gone. Relays that share the folder get separate keys by `place`;
 * otherwise each could end the connections of another (RFC 9000 section 10.3.2). Rejects with the system's error.
 */
export async function keptResetKey(folder: string, place: string): Promise<Buffer> {
  const path = resetKeyFile(folder);
  const kept = (await readKept(path)) ?? (await make(folder, path));
  return createHmac("sha256", kept).update(place).digest();
}

/** The file of the key in the state folder. */
export function resetKeyFile(folder: string): string {
  return join(folder, FILE);
}

async function readKept(path: string): Promise<Buffer | undefined> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  if (!found.isFile() || found.size > MAX_FILE || found.size < MIN_RESET_KEY) {
    throw new Error(`${path} is not a file of ${MIN_RESET_KEY} to ${MAX_FILE} bytes`);
  }
  return await readRegularFile(path);
}

/** Makes the key. When several relays start at once, all use the key of the first. */
async function make(folder: string, path: string): Promise<Buffer> {
  await makeFolder(folder);
  const key = randomBytes(MIN_RESET_KEY);
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    const file = await open(temporary, "wx", FILE_MODE);
    try {
      await file.writeFile(key);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, path);
    return key;
  } catch (error) {
    const other = await readKept(path);
    if (other !== undefined) return other;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}
