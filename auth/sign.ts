/** Makes keys and tokens: for the command line and for tests, never for the relay. */
import { randomBytes } from "node:crypto";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { type ClaimsInput, parseClaims } from "./claims.ts";
import { type Algorithm, type Key, KeyError, signerOf, toKey } from "./keys/index.ts";
import { beyondScope, type KeyScope } from "./powers.ts";

/** Bytes of a new secret: the length of its hash. */
const SECRET_BYTES: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 };
const RSA_BITS = 2048;

export interface GenerateOptions {
  readonly alg: Algorithm;
  /** Random if not given. */
  readonly kid?: string;
  /** The most that the key may grant. */
  readonly scope?: Partial<KeyScope>;
}

/** A new key with its private part. Throws {@link KeyError} for a `kid` or scope that cannot be used. */
export async function generateKey({
  alg,
  kid = randomBytes(12).toString("hex"),
  scope,
}: GenerateOptions): Promise<Key> {
  if (!/^[\w-]{1,128}$/.test(kid))
    throw new KeyError("a key id may have only letters, digits, `-` and `_`, at most 128");
  const common = { kid, alg, key_ops: ["sign", "verify"], ...(scope !== undefined && { scope }) };
  const secretBytes = SECRET_BYTES[alg];
  if (secretBytes !== undefined) {
    return toKey({ ...common, kty: "oct", k: randomBytes(secretBytes).toString("base64url") });
  }
  const pair = await generateKeyPair(alg, { extractable: true, modulusLength: RSA_BITS });
  return toKey({ ...(await exportJWK(pair.privateKey)), ...common });
}

/**
 * Signs a token. Throws {@link KeyError} when the key cannot sign or its scope does not cover the claims, `AuthError` `claims_invalid` when
 * the claims are invalid.
 */
export async function signToken(key: Key, claims: ClaimsInput): Promise<string> {
  const { asked } = parseClaims(claims);
  const beyond = key.scope && beyondScope(key.scope, asked);
  if (beyond !== undefined) throw new KeyError(`\`${beyond}\` grants more than the scope of the key permits`);
  const header = { alg: key.alg, typ: "JWT", ...(key.kid !== undefined && { kid: key.kid }) };
  const payload = Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
  return await new SignJWT(payload).setProtectedHeader(header).sign(await signerOf(key));
}
