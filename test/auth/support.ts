/** Keys, tokens and a time for tests of who may do what. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { SignJWT } from "jose";
import { type AuthClock, Authenticator, type AuthOptions, generateKey, type Key, signToken } from "../../auth/index.ts";
import { signerOf } from "../../auth/keys/key.ts";

/** 2026-01-01T00:00:00Z in milliseconds. */
export const NOW = 1_767_225_600_000;
export const NOW_SECONDS = NOW / 1000;

/** Makes a new folder at each call. All are removed after the tests of the file. */
export function foldersForTests(): () => Promise<string> {
  const folders: string[] = [];
  after(async () => {
    for (const path of folders) await rm(path, { recursive: true, force: true });
  });
  return async () => {
    const path = await mkdtemp(join(tmpdir(), "moqmesh-auth-"));
    folders.push(path);
    return path;
  };
}

/** A clock that tests turn; timers run when it is advanced. */
export class WallClock implements AuthClock {
  #now = 0;
  /** Wall time at the start of the monotonic one. */
  #start = NOW;
  #timers = new Set<{ at: number; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#start + this.#now;
  }

  /** Moves the wall clock, as an operator who sets the machine's clock. */
  setWall(byMs: number): void {
    this.#start += byMs;
  }

  timer(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const timer of [...this.#timers].sort((a, b) => a.at - b.at)) {
      if (timer.at <= this.#now && this.#timers.delete(timer)) timer.callback();
    }
  }
}

export const RULES = { issuers: [], audiences: [], skewMs: 5_000, maxLifeMs: 0 };

export interface OpenedAuth {
  readonly auth: Authenticator;
  readonly clock: WallClock;
  readonly warnings: string[];
  /** Times that less may be allowed than before. */
  changes(): number;
}

export async function openAuth(options: Partial<AuthOptions> = {}): Promise<OpenedAuth> {
  const clock = new WallClock();
  const warnings: string[] = [];
  let changes = 0;
  const auth = await Authenticator.open({
    clock,
    fetch: () => Promise.reject(new Error("no network in this test")),
    warn: (message) => warnings.push(message),
    publicPublish: [],
    publicSubscribe: [],
    origins: [],
    rules: RULES,
    closeOnKeyRemoval: true,
    fileKeepMs: 600_000,
    ownRevocation: () => {},
    changed: () => {
      changes++;
    },
    ...options,
  });
  return { auth, clock, warnings, changes: () => changes };
}

/** As a file holds it. */
export function fileOf(...keys: readonly Key[]): string {
  const [only] = keys;
  return JSON.stringify(keys.length === 1 ? only?.jwk : { keys: keys.map((key) => key.jwk) });
}

/** A token that our own signer would not sign. */
export async function forged(key: Key, claims: Record<string, unknown>): Promise<string> {
  return await new SignJWT(claims).setProtectedHeader({ alg: key.alg, kid: key.kid ?? "" }).sign(await signerOf(key));
}

export { generateKey, signToken };
