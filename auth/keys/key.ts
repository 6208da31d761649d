/** One key: a JWK whose algorithm is fixed, from JSON or from base64url of JSON. */
import { createHash } from "node:crypto";
import { type CryptoKey, importJWK, type JWK } from "jose";
import { z } from "zod";
import { type KeyScope, keyScopeSchema } from "../powers.ts";

/** Every algorithm that tokens may be signed with. `none` is not one. */
export const ALGORITHMS = [
  "HS256",
  "HS384",
  "HS512",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "EdDSA",
] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** Shortest secret in bytes (RFC 7518 section 3.2 for HS256, and what moq-token asks for). */
const MIN_SECRET_BYTES = 32;
/** Shortest RSA modulus in bits (RFC 7518 section 3.3). */
const MIN_RSA_BITS = 2048;
/** Characters of a key's text: an RSA key of 8192 bits with all its parts is about 7,000. */
const MAX_KEY_TEXT = 65_536;
const PRIVATE_FIELDS = ["d", "p", "q", "dp", "dq", "qi"] as const;

/** A key that cannot be used; the message says why and holds nothing of the key. */
export class KeyError extends Error {
  override readonly name = "KeyError";
}

const encoded = z.string().regex(/^[\w+/=-]+$/, "not base64url");
/** Other issuers use more than letters and digits; files of a folder are stricter. */
const kid = z.string().min(1).max(256);
const common = {
  kid: kid.optional(),
  alg: z.enum(ALGORITHMS, "no algorithm that tokens can be signed with here").optional(),
  use: z.literal("sig").optional(),
  key_ops: z.array(z.string()).optional(),
  scope: keyScopeSchema.optional(),
};
const half = encoded.optional();
const schema = z.discriminatedUnion("kty", [
  z.object({ ...common, kty: z.literal("oct"), k: encoded }),
  z.object({
    ...common,
    kty: z.literal("RSA"),
    n: encoded,
    e: encoded,
    d: half,
    p: half,
    q: half,
    dp: half,
    dq: half,
    qi: half,
  }),
  z.object({ ...common, kty: z.literal("EC"), crv: z.enum(["P-256", "P-384"]), x: encoded, y: encoded, d: half }),
  z.object({ ...common, kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: encoded, d: half }),
]);
type ParsedJwk = z.output<typeof schema>;

/** A key ready for use. Never logged: an `oct` key is its own secret. */
export interface Key {
  readonly kid: string | undefined;
  /** The only algorithm that it verifies or signs with. */
  readonly alg: Algorithm;
  readonly scope: KeyScope | undefined;
  /** Tells keys apart, also those that share a `kid`; not for showing, because it is made of the secret of an `oct` key. */
  readonly fingerprint: string;
  /** It has what signing needs. */
  readonly signs: boolean;
  readonly verifies: boolean;
  /** Private parts included. */
  readonly jwk: Readonly<Record<string, unknown>>;
  readonly verifier: Promise<CryptoKey | Uint8Array>;
}

/** Keys of a JWK or a JWK set, as JSON or as base64url of JSON. Throws {@link KeyError}. */
export function parseKeys(text: string): Key[] {
  const data = decode(text);
  const set = z.object({ keys: z.array(z.unknown()) }).safeParse(data);
  return set.success ? set.data.keys.map(toKey) : [toKey(data)];
}

/**
 * The keys of a set that others use as well: those for other purposes are left out, as RFC 7517 section 5 asks for.
 * Throws {@link KeyError} when it is no set.
 */
export function parsePublishedSet(text: string): Key[] {
  const set = z.object({ keys: z.array(z.unknown()) }).safeParse(decode(text));
  if (!set.success) throw new KeyError("not a JWK set");
  return set.data.keys.flatMap((one) => {
    try {
      return [toKey(one)];
    } catch (error) {
      if (error instanceof KeyError) return [];
      throw error;
    }
  });
}

function decode(text: string): unknown {
  const trimmed = text.trim();
  if (trimmed.length > MAX_KEY_TEXT * 16) throw new KeyError("too long for a key");
  const json = trimmed.startsWith("{") ? trimmed : Buffer.from(trimmed, "base64url").toString();
  try {
    return JSON.parse(json);
  } catch {
    throw new KeyError("neither JSON nor base64url of JSON");
  }
}

/** Makes a key of a parsed JWK. Throws {@link KeyError}. */
export function toKey(data: unknown): Key {
  // Keys of the first moq-token have no `kty`.
  const legacy = z.object({ k: z.string(), kty: z.undefined() }).loose().safeParse(data);
  const parsed = schema.safeParse(legacy.success ? { ...legacy.data, kty: "oct" } : data);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new KeyError(`not a usable JWK: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`.replace(/ +/g, " "));
  }
  const jwk = parsed.data;
  const alg = algorithmOf(jwk);
  checkStrength(jwk);
  const ops = jwk.key_ops;
  const hasPrivate = jwk.kty === "oct" || jwk.d !== undefined;
  let verifier: Promise<CryptoKey | Uint8Array> | undefined;
  return {
    kid: jwk.kid,
    alg,
    scope: jwk.scope,
    fingerprint: fingerprintOf(jwk, alg),
    signs: hasPrivate && (ops === undefined || ops.includes("sign")),
    verifies: ops === undefined || ops.includes("verify"),
    jwk: { ...jwk, alg },
    get verifier() {
      verifier ??= importKey(publicMaterial(jwk), alg);
      return verifier;
    },
  };
}

/** The same key without what signs. Throws {@link KeyError} for a secret, which has no public half. */
export function publicJwk(key: Key): Record<string, unknown> {
  if (key.jwk["kty"] === "oct") throw new KeyError("a secret (HS256, HS384, HS512) has no public half");
  const hidden: readonly string[] = PRIVATE_FIELDS;
  const open = Object.fromEntries(Object.entries(key.jwk).filter(([name]) => !hidden.includes(name)));
  return { ...open, ...("key_ops" in open && { key_ops: ["verify"] }) };
}

/** For signing. Throws {@link KeyError} when the key cannot. */
export async function signerOf(key: Key): Promise<CryptoKey | Uint8Array> {
  if (!key.signs) throw new KeyError("this key cannot sign: it has no private part, or is not for signing");
  const { key_ops: _ops, scope: _scope, ...material } = key.jwk;
  return await importKey(material, key.alg);
}

async function importKey(jwk: JWK, alg: Algorithm): Promise<CryptoKey | Uint8Array> {
  if (jwk.kty === "oct") return Buffer.from(jwk.k ?? "", "base64url");
  try {
    return await importJWK(jwk, alg);
  } catch {
    throw new KeyError("the numbers of this key do not make a key");
  }
}

function algorithmOf(jwk: ParsedJwk): Algorithm {
  const fits: readonly Algorithm[] = ALGORITHMS.filter((alg) => {
    if (jwk.kty === "oct") return alg.startsWith("HS");
    if (jwk.kty === "RSA") return alg.startsWith("RS") || alg.startsWith("PS");
    if (jwk.kty === "EC") return alg === (jwk.crv === "P-256" ? "ES256" : "ES384");
    return alg === "EdDSA";
  });
  // Some issuers publish `Ed25519` or nothing; where the curve leaves one choice, that is the algorithm.
  const alg = jwk.alg ?? (fits.length === 1 ? fits[0] : undefined);
  if (alg === undefined) throw new KeyError(`a key of type ${jwk.kty} has to name its \`alg\``);
  if (!fits.includes(alg)) throw new KeyError(`${alg} does not fit a key of type ${jwk.kty}`);
  return alg;
}

function checkStrength(jwk: ParsedJwk): void {
  if (jwk.kty === "oct" && Buffer.from(jwk.k, "base64url").length < MIN_SECRET_BYTES) {
    throw new KeyError(`a secret has at least ${MIN_SECRET_BYTES} bytes`);
  }
  if (jwk.kty === "RSA" && Buffer.from(jwk.n, "base64url").length * 8 < MIN_RSA_BITS) {
    throw new KeyError(`an RSA key has at least ${MIN_RSA_BITS} bits`);
  }
}

function publicMaterial(jwk: ParsedJwk): JWK {
  switch (jwk.kty) {
    case "oct":
      return { kty: "oct", k: jwk.k };
    case "RSA":
      return { kty: "RSA", n: jwk.n, e: jwk.e };
    case "EC":
      return { kty: "EC", crv: jwk.crv, x: jwk.x, y: jwk.y };
    case "OKP":
      return { kty: "OKP", crv: jwk.crv, x: jwk.x };
  }
}

function fingerprintOf(jwk: ParsedJwk, alg: Algorithm): string {
  const parts = JSON.stringify([alg, jwk.kid, jwk.scope, publicMaterial(jwk)]);
  return createHash("sha256").update(parts).digest("base64url");
}
