/** The revocation list: a token by its `jti`, all tokens of a key by `kid`, all tokens of a subject by `sub`. */
import { rename, writeFile } from "node:fs/promises";
import { z } from "zod";
import type { AuthClock } from "./clock.ts";
import { carelessness, isMissing, readRegular, stampOf } from "./files.ts";
import { parseJson } from "./json.ts";
import type { FileSource } from "./keys/index.ts";
import { Watch, withLimit } from "./watch.ts";

/** Most entries, of about 100 bytes each. An operator who needs more should replace the key instead. */
export const MAX_REVOCATIONS = 100_000;
/** Longest file, in bytes: {@link MAX_REVOCATIONS} entries with the longest names, with white space. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

export const REVOKED_BY = ["jti", "kid", "sub"] as const;
export type RevokedBy = (typeof REVOKED_BY)[number];

const value = z.string().min(1).max(256);
/** Seconds since 1970. */
const until = z.number().min(0).optional();

/** One entry: exactly one of `jti`, `kid`, `sub`; with `until` (seconds since 1970), the entry expires then. */
export const revocationSchema = z.union([
  z.strictObject({ jti: value, until }),
  z.strictObject({ kid: value, until }),
  z.strictObject({ sub: value, until }),
]);
export type Revocation = z.output<typeof revocationSchema>;
const listSchema = z.array(revocationSchema).max(MAX_REVOCATIONS);

/** The names by which a token can be revoked; `kid` is of the key that verified it. */
export interface Revocable {
  readonly jti: string | undefined;
  readonly kid: string | undefined;
  readonly sub: string | undefined;
}

/** The list is full, or its file cannot be read or written. */
export class RevocationError extends Error {
  override readonly name = "RevocationError";
}

export interface RevocationsOptions {
  readonly clock: AuthClock;
  readonly warn: (message: string, error?: unknown) => void;
  /** Called when an entry has come onto the list. */
  readonly changed: () => void;
  /** JSON file with a list of entries. It is read again at every change, and written by {@link Revocations.add}. */
  readonly file?: string;
}

/** The revocation list: the entries of the file and those that were added by calls. */
export class Revocations {
  readonly #options: RevocationsOptions;
  /** By `jti:…`, `kid:…`, `sub:…`; the value is when the entry expires, in seconds since 1970. */
  #entries = new Map<string, number>();
  #watch: Watch | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(options: RevocationsOptions) {
    this.#options = options;
  }

  /** Rejects when the file exists and cannot be used. A file that does not exist is an empty list. */
  static async open(options: RevocationsOptions): Promise<Revocations> {
    const revocations = new Revocations(options);
    const { file, clock, warn } = options;
    if (file === undefined) return revocations;
    revocations.#watch = await Watch.open({
      clock,
      warn,
      what: `the revocation file ${file}`,
      stamp: () => stampOf(file).catch((error: unknown) => (isMissing(error) ? "none" : Promise.reject(error))),
      load: async () => revocations.#take(await readList(file, warn)),
    });
    return revocations;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The file, if one is configured. */
  get source(): FileSource | undefined {
    return this.#watch;
  }

  close(): void {
    this.#watch?.close();
  }

  /** The name by which the token is revoked; undefined if it is not. */
  match(token: Revocable): RevokedBy | undefined {
    if (this.#entries.size === 0) return undefined;
    return REVOKED_BY.find((by) => token[by] !== undefined && this.#entries.has(`${by}:${token[by]}`));
  }

  /**
   * Adds an entry to the list at once, and to the file, if one is configured, before it resolves. Rejects with {@link RevocationError}
   *
   * - when the list is full; then nothing has changed;
   * - when the file cannot be written; then the entry holds until the relay ends.
   */
  async add(entry: Revocation): Promise<void> {
    this.#forget();
    const [key, end] = keyOf(entry);
    if (!this.#entries.has(key) && this.#entries.size >= MAX_REVOCATIONS) {
      throw new RevocationError(
        `the list is full: it has ${MAX_REVOCATIONS} entries; give them an \`until\`, or replace the key`,
      );
    }
    this.#entries.set(key, Math.max(end, this.#entries.get(key) ?? 0));
    this.#options.changed();
    const { file } = this.#options;
    if (file === undefined) return;
    const written = this.#writing.then(() => this.#write(file));
    // The next write waits for this one, so that a file system that hangs blocks one thread and no more.
    this.#writing = written.catch(() => {});
    try {
      await withLimit(this.#options.clock, () => written);
    } catch (cause) {
      if (cause instanceof RevocationError) throw cause;
      throw new RevocationError("revoked only until the relay ends: its file system does not answer", { cause });
    }
  }

  #take(list: readonly Revocation[]): void {
    const next = new Map(list.map(keyOf));
    const grew = [...next.keys()].some((key) => !this.#entries.has(key));
    this.#entries = next;
    if (grew) this.#options.changed();
  }

  /** Removes expired entries. */
  #forget(): void {
    const now = this.#options.clock.wallNow() / 1000;
    for (const [key, end] of this.#entries) if (end <= now) this.#entries.delete(key);
  }

  async #write(file: string): Promise<void> {
    // Entries that an operator has just written into the file stay in it. A file that cannot be parsed is not overwritten.
    const known = await readList(file).catch((cause: unknown) => {
      throw new RevocationError("revoked only until the relay ends: its file cannot be read", { cause });
    });
    const now = this.#options.clock.wallNow() / 1000;
    const fresh = known.map(keyOf).filter(([key, end]) => end > now && !this.#entries.has(key));
    for (const [key, end] of fresh) this.#entries.set(key, end);
    if (fresh.length > 0) this.#options.changed();
    const entries = [...this.#entries].map(([key, end]) => {
      const by = key.slice(0, 3);
      return { [by]: key.slice(4), ...(Number.isFinite(end) && { until: end }) };
    });
    const next = `${file}.next`;
    try {
      await writeFile(next, `${JSON.stringify(entries, null, 2)}\n`, { mode: 0o600 });
      await rename(next, file);
    } catch (error) {
      throw new RevocationError("revoked only until the relay ends: its file cannot be written", { cause: error });
    }
  }
}

function keyOf(entry: Revocation): [string, number] {
  const [by, name] = "jti" in entry ? ["jti", entry.jti] : "kid" in entry ? ["kid", entry.kid] : ["sub", entry.sub];
  return [`${by}:${name}`, entry.until ?? Number.POSITIVE_INFINITY];
}

async function readList(file: string, warn?: RevocationsOptions["warn"]): Promise<Revocation[]> {
  let text: string;
  try {
    const read = await readRegular(file, MAX_FILE_BYTES);
    text = read.text;
    const careless = carelessness(read.mode, false);
    if (careless !== undefined) warn?.(`the revocation file ${file}: ${careless}`);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  const parsed = listSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new RevocationError(`${file} is not a JSON list such as [{"jti": "..."}, {"sub": "...", "until": 1767225600}]`);
}
