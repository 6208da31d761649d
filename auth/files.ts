/** Reads files that an operator names: regular files only, up to a bound. */
import { randomBytes } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** A file was not read. The message says why; it contains nothing of the file. */
export class FileError extends Error {
  override readonly name = "FileError";
}

/** Permissions of all users of the machine (`chmod o+r`, `o+w`), and of the file's group. */
const OTHERS_READ = 0o004;
const OTHERS_WRITE = 0o002;
const GROUP_READ = 0o040;

/** Stable code at the beginning of a warning that others can read or change a file. */
export const SECRET_READABLE = "secret_readable" as const;

/** Whose a file is, and who may do what with it. */
export interface Permissions {
  readonly mode: number;
  readonly uid: number;
}

export interface ReadFile extends Permissions {
  readonly text: string;
  /** The same as from {@link stampOf}. */
  readonly stamp: string;
}

/**
 * Reads a regular file of at most `maxBytes`. Rejects with {@link FileError} when it is longer or not a regular file: opening a FIFO would
 * wait for its writer, in one of the four threads that all files, DNS look-ups and signatures share. On a file system that hangs it waits
 * without a limit; a caller in a running relay must set one. The relay uses this reader too; transport/tls/pem.ts has its own, because
 * transport and auth import nothing of each other.
 */
export async function readRegularFile(path: string, maxBytes: number): Promise<ReadFile> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new FileError("it is not a regular file");
    if (stats.size > maxBytes) throw new FileError(`it is longer than ${maxBytes} bytes`);
    // The file may grow while it is read.
    const buffer = Buffer.alloc(Math.min(stats.size, maxBytes) + 1);
    let bytes = 0;
    for (let last = -1; last !== 0 && bytes < stats.size; bytes += last) {
      last = (await file.read(buffer, bytes, buffer.length - bytes)).bytesRead;
    }
    if (bytes > maxBytes) throw new FileError(`it is longer than ${maxBytes} bytes`);
    return { text: buffer.toString("utf8", 0, bytes), mode: stats.mode, uid: stats.uid, stamp: stampFrom(stats) };
  } finally {
    await file.close();
  }
}

/**
 * Puts `text` in the place of a file: a reader gets the old file or the whole new one, which is on the disk when this resolves. `mode`: permissions of the
 * new file, whatever the umask. A link is replaced by the file; resolve it first to keep it. Calls at the same time leave the whole text of
 * one of them.
 */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  // A name of its own, in a file that this call makes: one that is there may be of another call, or readable for others.
  const next = `${path}.${randomBytes(6).toString("hex")}.new`;
  const file = await open(next, "wx", 0o600);
  try {
    try {
      await file.chmod(mode & 0o777);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(next, path);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** After this, a file that was renamed or removed in the folder stays so if the machine stops. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Makes calls share one read: a call during a read gets its result. A file system that hangs then blocks one thread, not one for each call. */
export function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= read().finally(() => {
      running = undefined;
    });
    return running;
  };
}

/** A text that differs once the file has changed or another file has replaced it. */
export async function stampOf(file: string): Promise<string> {
  return stampFrom(await stat(file));
}

/** `ctime` changes with permissions as well. */
function stampFrom({ ctimeMs, mtimeMs, size, ino }: Stats): string {
  return `${ctimeMs}:${mtimeMs}:${size}:${ino}`;
}

/**
 * A warning about the permissions of a file or folder, which begins with {@link SECRET_READABLE}; undefined if all is well. `name`: as
 * messages name it. A secret of the relay's own user is for that user alone. One of another user, such as root, may be readable for its
 * group, because that is how the relay reads it.
 */
export function careless(name: string, { mode, uid }: Permissions, secret: boolean): string | undefined {
  const who = carelessly(mode, secret && uid === process.getuid?.() ? OTHERS_READ | GROUP_READ : OTHERS_READ, secret);
  if (who === undefined) return undefined;
  return `${SECRET_READABLE}: ${name}: ${who} (mode ${(mode & 0o7777).toString(8).padStart(4, "0")})`;
}

function carelessly(mode: number, refused: number, secret: boolean): string | undefined {
  if ((mode & OTHERS_WRITE) !== 0) return "every user of this machine may change it";
  if (!secret || (mode & refused) === 0) return undefined;
  return (mode & OTHERS_READ) !== 0 ? "every user of this machine may read it" : "its group may read it";
}

/** System errors in an operator's words. */
const PLAIN = new Map([
  ["ENOENT", "it does not exist"],
  ["ENOTDIR", "it is not a folder"],
  ["EISDIR", "it is a folder"],
  ["EACCES", "the relay's user may not read it"],
]);

/** Why a file or folder cannot be used, as the end of a sentence that names it. */
export function faultOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const plain = PLAIN.get(code);
  if (plain !== undefined) return `${plain} (${code})`;
  return error instanceof Error ? error.message : String(error);
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
