/** A key on disk, as a relay under test reads it, and tokens signed with it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClaimsInput, generateKey, type Key, publicJwk, signToken } from "../../auth/index.ts";

/** Seconds that a token is valid unless its claims say otherwise. */
const LIFE_S = 3_600;

export type KeyOptions = Omit<Parameters<typeof generateKey>[0], "kid">;

export class TestKey {
  readonly key: Key;
  /** Holds the key and no other, for `auth.key_dir`. */
  readonly folder: string;
  /** Every token that was signed. */
  readonly tokens: string[] = [];
  readonly #seconds: () => number;

  private constructor(key: Key, folder: string, seconds: () => number) {
    this.key = key;
    this.folder = folder;
    this.#seconds = seconds;
  }

  /** `seconds` is the time since 1970. */
  static async make(
    kid: string,
    options: KeyOptions = { alg: "ES256" },
    seconds: () => number = () => Math.floor(Date.now() / 1_000),
  ): Promise<TestKey> {
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-keys-"));
    const made = new TestKey(await generateKey({ kid, ...options }), folder, seconds);
    await made.add(made.key);
    return made;
  }

  /** Path of the key's file, for `auth.key_file`. */
  get file(): string {
    return join(this.folder, `${this.key.kid}.jwk`);
  }

  /** Puts another key into the folder. */
  async add(key: Key): Promise<void> {
    const jwk = key.alg.startsWith("HS") ? key.jwk : publicJwk(key);
    await writeFile(join(this.folder, `${key.kid}.jwk`), JSON.stringify(jwk));
  }

  async token(claims: ClaimsInput): Promise<string> {
    const token = await signToken(this.key, { exp: this.#seconds() + LIFE_S, ...claims });
    this.tokens.push(token);
    return token;
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
