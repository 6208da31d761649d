import { createHash, timingSafeEqual } from "node:crypto";
import { carelessness, faultOf, RevocationError, readRegular, revocationSchema, shared } from "../../auth/index.ts";
import type { AuthGate } from "./gate.ts";

/** Shortest secret that permits revoking, in characters: 128 bits in hexadecimal. */
const MIN_SECRET = 32;
/** Longest secret file, in bytes. */
const MAX_SECRET_BYTES = 4_096;

/** The answer to a request to revoke. */
export interface RevokeAnswer {
  /** HTTP status. */
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface RevokeDeps {
  readonly gate: Pick<AuthGate, "revoke">;
  /** File with the secret that permits revoking; without it no request may revoke. */
  readonly secretFile: string | undefined;
  readonly warn: (message: string, error?: unknown) => void;
}

/** `POST /auth/revoke`. Requests from this machine need the secret too, because every program and user of it could send one. */
export class RevokeRoute {
  readonly #deps: RevokeDeps;
  /** Reads the secret for each request, so that it can be replaced without a restart. Undefined if none is configured. */
  readonly #secret: (() => Promise<{ readonly secret: string; readonly mode: number }>) | undefined;

  private constructor(deps: RevokeDeps) {
    const { secretFile: file } = deps;
    this.#deps = deps;
    this.#secret = file === undefined ? undefined : shared(() => readSecret(file));
  }

  /** Rejects with an error that names the file when the secret in it cannot be used. */
  static async open(deps: RevokeDeps): Promise<RevokeRoute> {
    const route = new RevokeRoute(deps);
    const read = await route.#secret?.();
    const careless = read && carelessness(read.mode, true);
    if (careless !== undefined) deps.warn(`the file ${deps.secretFile} (http.admin_token_file): ${careless}`);
    return route;
  }

  /** The refusal for a request with this Authorization field; undefined for one that may revoke. */
  async refuse(authorization: string | undefined): Promise<RevokeAnswer | undefined> {
    if (this.#secret === undefined) {
      return answer(
        403,
        "revoking over HTTP is disabled: set [http] admin_token_file, or write to the file of [auth] revocations",
      );
    }
    const shown = /^bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
    if (shown === undefined)
      return answer(401, "send Authorization: Bearer SECRET with the secret of [http] admin_token_file");
    try {
      const { secret } = await this.#secret();
      return timingSafeEqual(digest(secret), digest(shown))
        ? undefined
        : answer(401, "this secret does not permit revoking");
    } catch (error) {
      this.#deps.warn("a revocation was refused because the secret could not be read to check it", error);
      return answer(503, "the relay's secret cannot be read");
    }
  }

  /** Validates `entry`, revokes it, and ends its sessions before it answers. */
  async revoke(entry: unknown): Promise<RevokeAnswer> {
    const parsed = revocationSchema.safeParse(entry);
    if (!parsed.success) {
      return answer(400, 'expected {"jti": "..."}, {"kid": "..."} or {"sub": "..."}, and "until" in seconds');
    }
    try {
      await this.#deps.gate.revoke(parsed.data);
    } catch (error) {
      if (!(error instanceof RevocationError)) throw error;
      return answer(507, error.message);
    }
    return { status: 200, body: { revoked: parsed.data } };
  }
}

async function readSecret(file: string): Promise<{ secret: string; mode: number }> {
  try {
    const { text, mode } = await readRegular(file, MAX_SECRET_BYTES);
    const secret = text.trim();
    if (secret.length < MIN_SECRET || /\s/.test(secret))
      throw new Error(`a secret must have at least ${MIN_SECRET} characters and no spaces`);
    return { secret, mode };
  } catch (error) {
    throw new Error(`the file ${file} (http.admin_token_file) cannot be used: ${faultOf(error)}`, { cause: error });
  }
}

/** A hash, so that both sides of the comparison have the same length. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

function answer(status: number, error: string): RevokeAnswer {
  return { status, body: { error } };
}
