import { createHash, timingSafeEqual } from "node:crypto";
import { carelessness, faultOf, RevocationError, readRegular, revocationSchema, shared } from "../../auth/index.ts";
import type { AuthGate } from "./gate.ts";

/** Shortest secret that gives the right to revoke, in characters: 128 bits in hexadecimal. */
const MIN_SECRET = 32;
/** Bytes of its file. */
const MAX_SECRET_BYTES = 4_096;

/** What an operator who revokes is answered. */
export interface RevokeAnswer {
  /** HTTP status. */
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface RevokeDeps {
  readonly gate: Pick<AuthGate, "revoke">;
  /** File with the secret that allows revoking; without it no request may revoke. */
  readonly secretFile: string | undefined;
  readonly warn: (message: string, error?: unknown) => void;
}

/** `POST /auth/revoke`: being on this machine is no right, because every program and user of it is. */
export class RevokeRoute {
  readonly #deps: RevokeDeps;
  /** Reads it each time, so that it can be replaced without a restart. Nothing where none is configured. */
  readonly #secret: (() => Promise<{ readonly secret: string; readonly mode: number }>) | undefined;

  private constructor(deps: RevokeDeps) {
    const { secretFile: file } = deps;
    this.#deps = deps;
    this.#secret = file === undefined ? undefined : shared(() => readSecret(file));
  }

  /** Rejects naming the file when the secret in it cannot be used. */
  static async open(deps: RevokeDeps): Promise<RevokeRoute> {
    const route = new RevokeRoute(deps);
    const read = await route.#secret?.();
    const careless = read && carelessness(read.mode, true);
    if (careless !== undefined) deps.warn(`the file ${deps.secretFile} (http.admin_token_file): ${careless}`);
    return route;
  }

  /** What a request with this Authorization field is refused with; nothing for one that may revoke. */
  async refuse(authorization: string | undefined): Promise<RevokeAnswer | undefined> {
    if (this.#secret === undefined) {
      return answer(
        403,
        "revoking over HTTP is off: set [http] admin_token_file, or write to the file of [auth] revocations",
      );
    }
    const shown = /^bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
    if (shown === undefined) return answer(401, "send Authorization: Bearer SECRET, as [http] admin_token_file has it");
    try {
      const { secret } = await this.#secret();
      return timingSafeEqual(digest(secret), digest(shown))
        ? undefined
        : answer(401, "this secret gives no right to revoke");
    } catch (error) {
      this.#deps.warn("a revocation was refused because its right could not be checked", error);
      return answer(503, "the secret of this relay cannot be read");
    }
  }

  /** Revokes what `entry` names, which has not been checked, and ends its sessions before it answers. */
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
      throw new Error(`a secret has at least ${MIN_SECRET} characters and no spaces`);
    return { secret, mode };
  } catch (error) {
    throw new Error(`the file ${file} (http.admin_token_file) cannot be used: ${faultOf(error)}`, { cause: error });
  }
}

/** Of one length, whatever was shown. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

function answer(status: number, error: string): RevokeAnswer {
  return { status, body: { error } };
}
