import { createHash, randomBytes, timingSafeEqual, X509Certificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AuthError, carelessness, faultOf, readRegular, shared } from "../../auth/index.ts";
import { makeFolder } from "../../transport/shared/index.ts";
import type { AuthGate } from "../host/index.ts";
import { type Accepted, ApiProblem, type Authority, type Right, type Shown } from "../http/index.ts";

/** Shortest secret of the admin API, in characters: 128 bits in hexadecimal. */
const MIN_SECRET = 32;
/** Longest secret file, in bytes. */
const MAX_SECRET_BYTES = 4_096;
/** Random bytes of a secret that the relay makes. */
const SECRET_BYTES = 32;

export interface AdminAuthorityOptions {
  readonly gate: Pick<AuthGate, "verifyAdmin">;
  /** File whose secret grants `write`; without it the relay makes `admin.token` in `stateDir`. */
  readonly writeFile: string | undefined;
  /** File whose secret grants `read`. */
  readonly readFile: string | undefined;
  /** The right of a client certificate that the listener has verified. */
  readonly certificateRight: Right;
  readonly stateDir: string;
  readonly warn: (message: string, error?: unknown) => void;
}

/** A file with a secret. It is read for each request, so that it can be replaced without a restart. */
interface SecretFile {
  readonly file: string;
  readonly right: Right;
  /** For the audit line. */
  readonly name: string;
  read(): Promise<{ readonly secret: string }>;
}

/** Decides who may use the admin API: the secrets of files, JWTs with the claim `admin`, and verified client certificates. */
export class AdminAuthority implements Authority {
  readonly #options: AdminAuthorityOptions;
  readonly #files: readonly SecretFile[];

  private constructor(options: AdminAuthorityOptions, files: readonly SecretFile[]) {
    this.#options = options;
    this.#files = files;
  }

  /** Rejects with an error that names the file when the secret in it cannot be used. */
  static async open(options: AdminAuthorityOptions): Promise<AdminAuthority> {
    const { writeFile: configured, readFile, stateDir, warn } = options;
    const writing = configured ?? (await ownSecret(stateDir, warn));
    const files = [
      ...(writing === undefined ? [] : [secretFile(writing, "write", "admin_token_file")]),
      ...(readFile === undefined ? [] : [secretFile(readFile, "read", "admin_read_token_file")]),
    ];
    for (const { file, name } of files) await checkSecret(file, name, warn);
    return new AdminAuthority(options, files);
  }

  async accept({ token, certificate }: Shown): Promise<Accepted | undefined> {
    if (token !== undefined) return await this.#acceptToken(token);
    if (certificate === undefined) return undefined;
    const { subject } = new X509Certificate(certificate);
    return { right: this.#options.certificateRight, name: `certificate ${subject.replaceAll("\n", ", ")}` };
  }

  async #acceptToken(token: string): Promise<Accepted> {
    const shown = digest(token);
    for (const { file, right, name, ...source } of this.#files) {
      let secret: string;
      try {
        ({ secret } = await source.read());
      } catch (error) {
        this.#options.warn(
          `a request to the admin API was refused because the secret in ${file} cannot be read`,
          error,
        );
        throw new ApiProblem(503, "secret_unreadable", "the relay cannot read a secret to check yours");
      }
      if (timingSafeEqual(digest(secret), shown)) return { right, name };
    }
    if (token.split(".").length !== 3) throw new ApiProblem(401, "credential_refused", "this secret is not accepted");
    try {
      const { right, subject, id, keyId } = await this.#options.gate.verifyAdmin(token);
      return { right, name: `token ${subject ?? id ?? ""} of key ${keyId ?? "without an id"}` };
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
      if (error.status >= 500) throw new ApiProblem(503, error.code, error.message);
      throw new ApiProblem(401, error.code, error.message);
    }
  }
}

/**
 * The secret that a relay without `admin_token_file` makes, so that the operator of its machine may act: programs that can read its state
 * folder. Undefined, with a warning, when the folder cannot be written.
 */
async function ownSecret(stateDir: string, warn: (message: string, error?: unknown) => void) {
  const file = ownSecretFile(stateDir);
  try {
    await makeFolder(dirname(file));
    await writeFile(file, `${randomBytes(SECRET_BYTES).toString("hex")}\n`, { mode: 0o600, flag: "wx" });
    return file;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return file;
    warn(`the admin API permits no actions, because its secret cannot be written to ${file}`, error);
    return undefined;
  }
}

/** Where a relay without `admin_token_file` keeps its secret. */
function ownSecretFile(stateDir: string): string {
  return join(stateDir, "admin.token");
}

function secretFile(file: string, right: Right, name: string): SecretFile {
  return { file, right, name, read: shared(() => readSecret(file, name)) };
}

async function readSecret(file: string, name: string): Promise<{ secret: string; mode: number }> {
  try {
    const { text, mode } = await readRegular(file, MAX_SECRET_BYTES);
    const secret = text.trim();
    if (secret.length < MIN_SECRET || /\s/.test(secret))
      throw new Error(`a secret must have at least ${MIN_SECRET} characters and no spaces`);
    return { secret, mode };
  } catch (error) {
    throw new Error(`the file ${file} (http.${name}) cannot be used: ${faultOf(error)}`, { cause: error });
  }
}

/**
 * Rejects with an error that names the file when the secret in it cannot be used. `name` is its key in `[http]`. Warns when others can
 * read it.
 */
export async function checkSecret(file: string, name: string, warn: (message: string) => void): Promise<void> {
  const careless = carelessness((await readSecret(file, name)).mode, true);
  if (careless !== undefined) warn(`the file ${file} (http.${name}): ${careless}`);
}

/** A hash, so that both sides of the comparison have the same length. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
