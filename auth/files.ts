/** Reading files that an operator names: regular ones only, and never more than is meant to be in them. */
import { constants, type Stats } from "node:fs";
import { open, stat } from "node:fs/promises";

/** A file that is not read; the message says why and holds nothing of it. */
export class FileError extends Error {
  override readonly name = "FileError";
}

/** Permissions of everybody on the machine (`chmod o+r`, `o+w`). */
const OTHERS_READ = 0o004;
const OTHERS_WRITE = 0o002;

export interface ReadFile {
  readonly text: string;
  /** Permission bits. */
  readonly mode: number;
  /** As {@link stampOf} gives it. */
  readonly stamp: string;
}

/**
 * Reads at most `maxBytes`. Rejects with {@link FileError} for what is no regular file: opening a FIFO would wait for its
 * writer, in one of the four threads that all files, names and signatures share. It waits without a limit on a file
 * system that hangs: who calls it while the relay runs bounds the wait.
 */
export async function readRegular(path: string, maxBytes: number): Promise<ReadFile> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new FileError("it is not a regular file");
    if (stats.size > maxBytes) throw new FileError(`it is longer than ${maxBytes} bytes`);
    // It may grow while it is read.
    const buffer = Buffer.alloc(Math.min(stats.size, maxBytes) + 1);
    let bytes = 0;
    for (let last = -1; last !== 0 && bytes < stats.size; bytes += last) {
      last = (await file.read(buffer, bytes, buffer.length - bytes)).bytesRead;
    }
    if (bytes > maxBytes) throw new FileError(`it is longer than ${maxBytes} bytes`);
    return { text: buffer.toString("utf8", 0, bytes), mode: stats.mode, stamp: stampFrom(stats) };
  } finally {
    await file.close();
  }
}

/** Calls that come while one is under way get its result: a file system that hangs holds one thread, and not one for each. */
export function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= read().finally(() => {
      running = undefined;
    });
    return running;
  };
}

/** Changes with the content of a file, also when another file takes its place. */
export async function stampOf(file: string): Promise<string> {
  return stampFrom(await stat(file));
}

/** The time of the last change of state follows permissions, too. */
function stampFrom({ ctimeMs, mtimeMs, size, ino }: Stats): string {
  return `${ctimeMs}:${mtimeMs}:${size}:${ino}`;
}

/** What is careless about the permissions of a file or folder, as the end of a sentence about it. */
export function carelessness(mode: number, secret: boolean): string | undefined {
  const octal = (mode & 0o7777).toString(8).padStart(4, "0");
  if ((mode & OTHERS_WRITE) !== 0) return `everybody on this machine may change it (mode ${octal})`;
  return secret && (mode & OTHERS_READ) !== 0 ? `everybody on this machine may read it (mode ${octal})` : undefined;
}

/** What every operator knows by other words than the system's. */
const PLAIN = new Map([
  ["ENOENT", "it does not exist"],
  ["ENOTDIR", "it is no folder"],
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
