/** The revocation list: what was revoked at this relay, and what other relays of the mesh revoked. */
import * as z from "zod";
import type { AuthClock } from "./clock.ts";
import { careless, isMissing, readRegularFile, replaceFile, stampOf } from "./files.ts";
import { parseJson } from "./json.ts";
import type { FileSource } from "./keys/index.ts";
import { LearnedRevocations } from "./learned-revocations.ts";
import {
  entryOf,
  keyOf,
  MAX_REVOCATIONS,
  REVOKED_BY,
  type Revocable,
  type Revocation,
  type RevokedBy,
  revocationSchema,
} from "./revocation.ts";
import type { Warn } from "./warn.ts";
import { Watch, withLimit } from "./watch.ts";

/** Longest file, in bytes: {@link MAX_REVOCATIONS} entries with the longest names, with white space. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

const listSchema = z.array(revocationSchema).max(MAX_REVOCATIONS);

/** The list is full, or its file cannot be read or written. */
export class RevocationError extends Error {
  override readonly name = "RevocationError";
}

export interface RevocationsOptions {
  readonly clock: AuthClock;
  readonly warn: Warn;
  /** Called when an entry has come onto the list. */
  readonly changed: () => void;
  /** Called when an entry of this relay itself comes onto the list, or leaves it because it expired or was removed. */
  readonly own: (entry: Revocation, inForce: boolean) => void;
  /** JSON file with a list of entries. It is read again at every change, and written by {@link Revocations.add}. */
  readonly file?: string;
}

/** Milliseconds between two removals of expired entries. */
const SWEEP_MS = 60_000;

/** An entry in force, with the relay where it was made. */
export interface ListedRevocation {
  readonly entry: Revocation;
  /** Absent: this relay. */
  readonly from: string | undefined;
}

/** The revocation list: the entries of the file, those that were added by calls, and those of other relays of the mesh. */
export class Revocations {
  readonly #options: RevocationsOptions;
  /** By `jti:…`, `kid:…`, `sub:…`; the value is when the entry expires, in seconds since 1970. */
  readonly #entries = new Map<string, number>();
  readonly #learned = new LearnedRevocations();
  #cancelSweep = () => {};
  #watch: Watch | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(options: RevocationsOptions) {
    this.#options = options;
  }

  /** Rejects when the file exists and cannot be used. A file that does not exist is an empty list. */
  static async open(options: RevocationsOptions): Promise<Revocations> {
    const revocations = new Revocations(options);
    const { file, clock, warn } = options;
    revocations.#sweepLater();
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
    return this.#entries.size + this.#learned.size;
  }

  /** The file, if one is configured. */
  get source(): FileSource | undefined {
    return this.#watch;
  }

  close(): void {
    this.#cancelSweep();
    this.#watch?.close();
  }

  /** The entries of this relay itself. */
  *own(): Generator<Revocation> {
    for (const [key, end] of this.#entries) yield entryOf(key, end);
  }

  *list(): Generator<ListedRevocation> {
    const now = this.#options.clock.wallNow() / 1000;
    for (const [key, end] of this.#entries) if (end > now) yield { entry: entryOf(key, end), from: undefined };
    for (const { entry, from } of this.#learned.list()) {
      const [key, end] = keyOf(entry);
      // The mesh also announces this relay's own entries.
      if (end > now && !this.#entries.has(key)) yield { entry, from };
    }
  }

  /** Another relay of the mesh, `from`, revoked. `source` identifies the entry until {@link unlearn}. False when the list is full. */
  learn(source: string, entry: Revocation, from: string): boolean {
    if (!this.#learned.add(source, entry, from)) return false;
    this.#options.changed();
    return true;
  }

  unlearn(source: string): void {
    this.#learned.delete(source);
  }

  /** The name by which the token is revoked; undefined if it is not. */
  match(token: Revocable): RevokedBy | undefined {
    if (this.size === 0) return undefined;
    const now = this.#options.clock.wallNow() / 1000;
    const isRevoked = (key: string) => (this.#entries.get(key) ?? 0) > now || this.#learned.has(key, now);
    return REVOKED_BY.find((by) => token[by] !== undefined && isRevoked(`${by}:${token[by]}`));
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
    this.#put(key, Math.max(end, this.#entries.get(key) ?? 0));
    this.#options.changed();
    await this.#save("revoked only until the relay ends");
  }

  /**
   * Removes the entry with the same `jti`, `kid` or `sub` from the list at once, and from the file before it resolves. False when this relay
   * has no such entry. Rejects with {@link RevocationError} when the file cannot be written; then the entry comes back with the next start.
   */
  async remove(entry: Revocation): Promise<boolean> {
    const [key] = keyOf(entry);
    if (!this.#entries.has(key)) return false;
    this.#delete(key);
    await this.#save("no longer revoked, but only until the relay ends", key);
    return true;
  }

  /** Writes the file, without the entry `removed`. `outcome` begins the message of its {@link RevocationError}. */
  async #save(outcome: string, removed?: string): Promise<void> {
    const { file } = this.#options;
    if (file === undefined) return;
    const written = this.#writing.then(() => this.#write(file, outcome, removed));
    // The next write waits for this one, so that a file system that hangs blocks one thread and no more.
    this.#writing = written.catch(() => {});
    try {
      await withLimit(this.#options.clock, () => written);
    } catch (cause) {
      if (cause instanceof RevocationError) throw cause;
      throw new RevocationError(`${outcome}: its file system does not answer`, { cause });
    }
  }

  #put(key: string, end: number): void {
    const before = this.#entries.get(key);
    if (before === end) return;
    if (before !== undefined) this.#options.own(entryOf(key, before), false);
    this.#entries.set(key, end);
    this.#options.own(entryOf(key, end), true);
  }

  #delete(key: string): void {
    const end = this.#entries.get(key);
    if (end === undefined) return;
    this.#entries.delete(key);
    this.#options.own(entryOf(key, end), false);
  }

  #take(list: readonly Revocation[]): void {
    const now = this.#options.clock.wallNow() / 1000;
    const next = new Map(list.map(keyOf).filter(([, end]) => end > now));
    const grew = [...next.keys()].some((key) => !this.#entries.has(key));
    for (const key of [...this.#entries.keys()]) if (!next.has(key)) this.#delete(key);
    for (const [key, end] of next) this.#put(key, end);
    if (grew) this.#options.changed();
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#options.clock.timer(SWEEP_MS, () => {
      this.#forget();
      this.#sweepLater();
    });
  }

  /** Removes expired entries. */
  #forget(): void {
    const now = this.#options.clock.wallNow() / 1000;
    for (const [key, end] of [...this.#entries]) if (end <= now) this.#delete(key);
    for (const { source, entry } of [...this.#learned.list()]) if (keyOf(entry)[1] <= now) this.#learned.delete(source);
  }

  async #write(file: string, outcome: string, removed: string | undefined): Promise<void> {
    // Entries that an operator has just written into the file stay in it. A file that cannot be parsed is not overwritten.
    const known = await readList(file).catch((cause: unknown) => {
      throw new RevocationError(`${outcome}: its file cannot be read`, { cause });
    });
    const now = this.#options.clock.wallNow() / 1000;
    const fresh = known.map(keyOf).filter(([key, end]) => end > now && key !== removed && !this.#entries.has(key));
    for (const [key, end] of fresh) this.#put(key, end);
    if (fresh.length > 0) this.#options.changed();
    const entries = [...this.own()];
    try {
      await replaceFile(file, `${JSON.stringify(entries, null, 2)}\n`, 0o600);
    } catch (error) {
      throw new RevocationError(`${outcome}: its file cannot be written`, { cause: error });
    }
  }
}

async function readList(file: string, warn?: RevocationsOptions["warn"]): Promise<Revocation[]> {
  let text: string;
  try {
    const read = await readRegularFile(file, MAX_FILE_BYTES);
    text = read.text;
    const advice = careless(`the revocation file ${file}`, read, false);
    if (advice !== undefined) warn?.(advice, undefined, "secret_readable");
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  const parsed = listSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new RevocationError(`${file} is not a JSON list such as [{"jti": "..."}, {"sub": "...", "until": 1767225600}]`);
}
