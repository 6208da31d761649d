import { createHash, randomBytes, timingSafeEqual, X509Certificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { AuthError, faultOf, readRegularFile, shared } from "../../auth/index.ts";
import { makeFolder } from "../../transport/shared/index.ts";
import { ADMIN_SECRET, ownSecretFile } from "../config/index.ts";
import type { AuthGate } from "../host/index.ts";
import { type Accepted, ApiProblem, type Authority, type Right, type Shown } from "../http/index.ts";

/** Longest secret file, in bytes. */
const MAX_SECRET_BYTES = 4_096;
/** Random bytes of a secret that the relay makes. */
const SECRET_BYTES = 32;

/** Who may use the admin API, besides JWTs. */
export interface AdminCredentials {
  /** The secret that grants `write`, or its file; without either the relay makes `admin.token` in `stateDir`. */
  readonly write: GivenSecret;
  /** The secret that grants `read`, or its file. */
  readonly read: GivenSecret;
  /** The right of a client certificate that the listener has verified. */
  readonly certificateRight: Right;
}

export interface AdminAuthorityOptions extends AdminCredentials {
  readonly gate: Pick<AuthGate, "verifyAdmin">;
  readonly stateDir: string;
  readonly warn: (message: string, error?: unknown) => void;
}

/** A secret of the configuration: by itself, or in a file. */
export interface GivenSecret {
  readonly secret: string | undefined;
  readonly file: string | undefined;
}

/** A secret and what it permits. That of a file is read for each request, so that it can be replaced without a restart. */
interface Secret {
  /** Its key in `[http]`, for the audit line and for messages. */
  readonly name: string;
  readonly right: Right;
  /** Rejects with an error that names the file. */
  read(): Promise<string>;
}

/** Decides who may use the admin API: the secrets of files, JWTs with the claim `admin`, and verified client certificates. */
export class AdminAuthority implements Authority {
  readonly #options: AdminAuthorityOptions;
  #given: AdminCredentials;
  #granted: Granted;

  private constructor(options: AdminAuthorityOptions, granted: Granted) {
    this.#options = options;
    const { write, read, certificateRight } = options;
    this.#given = { write, read, certificateRight };
    this.#granted = granted;
  }

  /** Rejects with an error that names the file when the secret in it cannot be used. */
  static async open(options: AdminAuthorityOptions): Promise<AdminAuthority> {
    return new AdminAuthority(options, await grantedBy(options, options));
  }

  /** Reads other secrets. Rejects as {@link open} does; the returned function uses them. */
  async prepare(given: AdminCredentials): Promise<() => void> {
    if (isDeepStrictEqual(given, this.#given)) return () => {};
    const granted = await grantedBy(given, this.#options);
    return () => {
      this.#given = given;
      this.#granted = granted;
    };
  }

  async accept({ token, certificate }: Shown): Promise<Accepted | undefined> {
    if (token !== undefined) return await this.#acceptToken(token);
    if (certificate === undefined) return undefined;
    const { subject } = new X509Certificate(certificate);
    return { right: this.#granted.certificateRight, name: `certificate ${subject.replaceAll("\n", ", ")}` };
  }

  async #acceptToken(token: string): Promise<Accepted> {
    const shown = digest(token);
    for (const { right, name, ...source } of this.#granted.secrets) {
      let secret: string;
      try {
        secret = await source.read();
      } catch (error) {
        this.#options.warn("a request to the admin API was refused because a secret cannot be read", error);
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

interface Granted {
  readonly secrets: readonly Secret[];
  readonly certificateRight: Right;
}

async function grantedBy(
  { write, read, certificateRight }: AdminCredentials,
  { stateDir, warn }: Pick<AdminAuthorityOptions, "stateDir" | "warn">,
): Promise<Granted> {
  const given = write.secret !== undefined || write.file !== undefined;
  const writing = given ? write : { secret: undefined, file: await ownSecret(stateDir, warn) };
  const secrets = [...secretOf(writing, "write", "admin_token"), ...secretOf(read, "read", "admin_read_token")];
  for (const secret of secrets) await secret.read();
  return { secrets, certificateRight };
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

function secretOf({ secret, file }: GivenSecret, right: Right, key: string): Secret[] {
  if (secret !== undefined) return [{ name: key, right, read: () => Promise.resolve(secret) }];
  const name = `${key}_file`;
  return file === undefined ? [] : [{ name, right, read: shared(() => readSecret(file, name)) }];
}

/** The secret in the file of `[http] NAME`. Rejects with an error that names the file when it cannot be used. */
export async function readSecret(file: string, name: string): Promise<string> {
  try {
    const secret = (await readRegularFile(file, MAX_SECRET_BYTES)).text.trim();
    if (!ADMIN_SECRET.test(secret)) throw new Error("a secret must have at least 32 characters and no spaces");
    return secret;
  } catch (error) {
    throw new Error(`the file ${file} (http.${name}) cannot be used: ${faultOf(error)}`, { cause: error });
  }
}

/** A hash, so that both sides of the comparison have the same length. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
