/** One key: a JWK whose algorithm is fixed, from JSON or from base64url of JSON. */
import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { type CryptoKey, importJWK, type JWK } from "jose";
import * as z from "zod";
import { parseJson } from "../json.ts";
import { type KeyScope, keyScopeSchema } from "../powers.ts";
import { isPem, jwkOfPem } from "./pem.ts";

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
/** Shortest RSA modulus in bits (RFC 7518 section 3.3), and the longest that OpenSSL verifies with. */
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 16_384;
/** Smallest exponent of an RSA key (RFC 8017 section 3.1): with 1, anyone can make signatures. */
const MIN_RSA_EXPONENT = 3n;
/** Longest key file, in bytes: an RSA key of 8192 bits with all its parts has about 7,000, and a set may have a hundred keys. */
export const MAX_KEYS_TEXT = 1_048_576;
/** Characters of a key's name in a message. */
const MAX_SHOWN_NAME = 64;
/** Longest id of a key, in characters. */
export const MAX_KEY_ID = 256;
const NO_KEY = "the parameters of this key are not valid for its type";
const PRIVATE_FIELDS = ["d", "p", "q", "dp", "dq", "qi"] as const;

/** Why a key cannot be used, or the keys of a running relay cannot be changed: stable codes. */
export type KeyFault =
  /** No JWK and no PEM key, or parameters that are not valid for its type. */
  | "key_malformed"
  /** A type, a curve or an algorithm that no token may be signed with, or an `alg` that does not fit the key. */
  | "algorithm_unknown"
  /** A secret or an RSA key that is too short, or an RSA exponent that is too small. */
  | "key_weak"
  /** Its `use` or `key_ops` do not permit to verify tokens. */
  | "key_unfit"
  /** A private key, where only the public half is of use. */
  | "key_private"
  | "kid_missing"
  /** It cannot be a part of the path of a URL. */
  | "kid_unfit"
  | "kid_taken"
  | "kid_revoked"
  /** The relay's only key has no `kid`: beside another key no token would find it. */
  | "key_without_kid"
  | "keys_full"
  | "auth_api_decides"
  | "no_such_key"
  | "last_key"
  | "key_from_url"
  | "no_place_for_keys"
  | "keys_not_saved";

/** A key cannot be used, or keys cannot be changed. The message says why; it contains nothing of the key. */
export class KeyError extends Error {
  override readonly name = "KeyError";
  readonly code: KeyFault;

  constructor(message: string, code: KeyFault = "key_malformed", options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

const encoded = z.string().regex(/^[\w+/=-]+$/, "not base64url");
/** Other issuers use more than letters and digits; names of key files are stricter. */
const kid = z.string().min(1).max(MAX_KEY_ID);
const common = {
  kid: kid.optional(),
  alg: z.enum(ALGORITHMS, "not an algorithm that this relay accepts for tokens").optional(),
  use: z.literal("sig", "the key is not for signatures").optional(),
  key_ops: z.array(z.string()).optional(),
  scope: keyScopeSchema.optional(),
};
const setSchema = z.object({ keys: z.array(z.unknown()) });
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
  /** What it signs with. */
  readonly alg: Algorithm;
  /** The algorithms that it verifies: `alg` and, for an RSA key without `alg`, the others of its type. */
  readonly algs: readonly Algorithm[];
  readonly scope: KeyScope | undefined;
  /** Identifies a key, also among keys with the same `kid`. Never show it: the fingerprint of an `oct` key is made from its secret. */
  readonly fingerprint: string;
  /** True when the key can sign. */
  readonly signs: boolean;
  readonly verifies: boolean;
  /** `private`: a private key, which has a public half. `secret`: a shared secret, which has none. */
  readonly holds: "public" | "private" | "secret";
  /** Private parts included. */
  readonly jwk: Readonly<Record<string, unknown>>;
  /** For verifying with one of {@link algs}. */
  readonly verifier: (alg: Algorithm) => Promise<CryptoKey | Uint8Array>;
}

/** A key of a set that is not used. */
export interface Ignored {
  /** Its `kid` in quotes, or its place in the set. */
  readonly name: string;
  readonly why: string;
}

/**
 * Keys of a JWK or a JWK set, as JSON or as base64url of JSON, or the one key of a PEM file. Keys of a set that cannot be used are ignored, as RFC 7517
 * section 5 demands; `ignored` is called for each. `kid` names a single key that has none. Throws {@link KeyError} when no key can be used.
 */
export function parseKeys(text: string, ignored?: (key: Ignored) => void, kid?: string): Key[] {
  if (isPem(text)) {
    const read = jwkOfPem(text);
    if ("fault" in read) throw new KeyError(read.fault);
    return [toKey(read.jwk, kid)];
  }
  const data = decode(text);
  const set = setSchema.safeParse(data);
  return set.success ? keysOf(set.data.keys, ignored) : [toKey(data, kid)];
}

/** The JWKs in the text of a JWK or a JWK set, as they are. Throws {@link KeyError} for PEM, which has room for one key. */
export function rawKeys(text: string): readonly unknown[] {
  if (isPem(text)) throw new KeyError("it is a PEM key, beside which there is no room for others: use a JWK set");
  const data = decode(text);
  const set = setSchema.safeParse(data);
  return set.success ? set.data.keys : [data];
}

/** The keys of a published JWK set. Throws {@link KeyError} when the text is not a set, or no key in it can be used. */
export function parsePublishedSet(text: string, ignored: (key: Ignored) => void): Key[] {
  const set = setSchema.safeParse(decode(text));
  if (!set.success) throw new KeyError("not a JWK set");
  return keysOf(set.data.keys, ignored);
}

function keysOf(jwks: readonly unknown[], ignored?: (key: Ignored) => void): Key[] {
  const left: Ignored[] = [];
  const keys = jwks.flatMap((jwk, index) => {
    try {
      return [toKey(jwk)];
    } catch (error) {
      if (!(error instanceof KeyError)) throw error;
      left.push({ name: nameOf(jwk, index), why: error.message });
      return [];
    }
  });
  if (keys.length === 0 && left.length > 0) {
    throw new KeyError(`no key in the set can be used: ${left.map(({ name, why }) => `${name}: ${why}`).join("; ")}`);
  }
  for (const key of left) ignored?.(key);
  return keys;
}

function nameOf(jwk: unknown, index: number): string {
  const named = z.object({ kid }).safeParse(jwk);
  return named.success ? JSON.stringify(named.data.kid.slice(0, MAX_SHOWN_NAME)) : `number ${index + 1}`;
}

function decode(text: string): unknown {
  const trimmed = text.trim();
  if (trimmed.length > MAX_KEYS_TEXT) throw new KeyError("too long for a JWK or a JWK set");
  const json = trimmed.startsWith("{") ? trimmed : Buffer.from(trimmed, "base64url").toString();
  try {
    return parseJson(json);
  } catch {
    throw new KeyError("neither JSON nor base64url of JSON, or an object in it has the same name twice");
  }
}

/** Makes a key from a parsed JWK; `name` becomes its `kid` where it has none. Throws {@link KeyError}. */
export function toKey(data: unknown, name?: string): Key {
  // Keys of the first moq-token have no `kty`.
  const legacy = z.object({ k: z.string(), kty: z.undefined() }).loose().safeParse(data);
  const parsed = schema.safeParse(legacy.success ? { ...legacy.data, kty: "oct" } : data);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    if (issue?.path.join() === "kty") {
      throw new KeyError(
        "not a JWK: its type, `kty`, is missing or none of EC, OKP, RSA and oct (RFC 7517 section 4.1)",
        z.object({ kty: z.string() }).safeParse(data).success ? "algorithm_unknown" : "key_malformed",
      );
    }
    const field = issue?.path.join(".") ?? "";
    throw new KeyError(`not a usable JWK: ${field}: ${issue?.message ?? ""}`, FAULTS.get(field));
  }
  const jwk = { ...parsed.data, kid: parsed.data.kid ?? name };
  const algs = algorithmsOf(jwk);
  checkStrength(jwk);
  const ops = jwk.key_ops;
  const holds = jwk.kty === "oct" ? "secret" : jwk.d === undefined ? "public" : "private";
  const signs = holds !== "public" && (ops === undefined || ops.includes("sign"));
  const verifies = ops === undefined || ops.includes("verify");
  if (!signs && !verifies) throw new KeyError("its `key_ops` permit neither signing nor verifying", "key_unfit");
  const [alg] = algs;
  const { kid: named, ...rest } = jwk;
  return {
    kid: named,
    alg,
    algs,
    scope: jwk.scope,
    fingerprint: fingerprintOf(jwk, algs),
    signs,
    verifies,
    holds,
    jwk: { ...rest, ...(named !== undefined && { kid: named }), ...(algs.length === 1 && { alg }) },
    verifier: verifierOf(publicMaterial(jwk)),
  };
}

/** The fault of a JWK by the field that is wrong; others are malformed. */
const FAULTS = new Map<string, KeyFault>([
  ["alg", "algorithm_unknown"],
  ["crv", "algorithm_unknown"],
  ["use", "key_unfit"],
]);

/** Imports the key once for each algorithm. */
function verifierOf(material: JWK): Key["verifier"] {
  const imported = new Map<Algorithm, Promise<CryptoKey | Uint8Array>>();
  return (alg) => {
    const known = imported.get(alg) ?? importKey(material, alg);
    imported.set(alg, known);
    return known;
  };
}

/** The public half of a key. Throws {@link KeyError} for a secret, which has none. */
export function publicJwk(key: Key): Record<string, unknown> {
  if (key.jwk["kty"] === "oct") throw new KeyError("a secret (HS256, HS384, HS512) has no public half");
  const hidden: readonly string[] = PRIVATE_FIELDS;
  const open = Object.fromEntries(Object.entries(key.jwk).filter(([name]) => !hidden.includes(name)));
  return { ...open, ...("key_ops" in open && { key_ops: ["verify"] }) };
}

/** For signing. Throws {@link KeyError} when the key cannot. */
export async function signerOf(key: Key): Promise<CryptoKey | Uint8Array> {
  if (!key.signs) throw new KeyError("this key cannot sign: it has no private part, or its `key_ops` do not permit it");
  const { key_ops: _ops, scope: _scope, ...material } = key.jwk;
  return await importKey(material, key.alg);
}

async function importKey(jwk: JWK, alg: Algorithm): Promise<CryptoKey | Uint8Array> {
  if (jwk.kty === "oct") return Buffer.from(jwk.k ?? "", "base64url");
  try {
    return await importJWK(jwk, alg);
  } catch {
    throw new KeyError(NO_KEY);
  }
}

/** The algorithms of a key. RSA keys may leave out `alg` (RFC 7517 section 4.4); those of Entra ID do. */
function algorithmsOf(jwk: ParsedJwk): readonly [Algorithm, ...Algorithm[]] {
  const fits: readonly Algorithm[] = ALGORITHMS.filter((alg) => {
    if (jwk.kty === "oct") return alg.startsWith("HS");
    if (jwk.kty === "RSA") return alg.startsWith("RS") || alg.startsWith("PS");
    if (jwk.kty === "EC") return alg === (jwk.crv === "P-256" ? "ES256" : "ES384");
    return alg === "EdDSA";
  });
  if (jwk.alg !== undefined) {
    if (!fits.includes(jwk.alg))
      throw new KeyError(`${jwk.alg} does not fit a key of type ${jwk.kty}`, "algorithm_unknown");
    return [jwk.alg];
  }
  const [first, ...others] = fits;
  // A secret that is long enough for one hash may be too short for another.
  if (first === undefined || jwk.kty === "oct") throw new KeyError("a secret must have an `alg`", "algorithm_unknown");
  return [first, ...others];
}

function checkStrength(jwk: ParsedJwk): void {
  if (jwk.kty === "oct" && Buffer.from(jwk.k, "base64url").length < MIN_SECRET_BYTES) {
    throw new KeyError(`a secret must have at least ${MIN_SECRET_BYTES} bytes`, "key_weak");
  }
  if (jwk.kty === "oct") return;
  // Check the key when it is loaded: later, an unusable key would look like a bad token of its client.
  const { modulusLength, publicExponent = MIN_RSA_EXPONENT } = publicKeyOf(jwk).asymmetricKeyDetails ?? {};
  if (modulusLength !== undefined && (modulusLength < MIN_RSA_BITS || modulusLength > MAX_RSA_BITS)) {
    throw new KeyError(`an RSA key must have ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits`, "key_weak");
  }
  if (publicExponent < MIN_RSA_EXPONENT || publicExponent % 2n === 0n) {
    throw new KeyError(`the exponent of an RSA key must be odd and at least ${MIN_RSA_EXPONENT}`, "key_weak");
  }
}

function publicKeyOf(jwk: ParsedJwk): KeyObject {
  try {
    return createPublicKey({ key: publicMaterial(jwk), format: "jwk" });
  } catch {
    throw new KeyError(NO_KEY);
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

function fingerprintOf(jwk: ParsedJwk, algs: readonly Algorithm[]): string {
  const parts = JSON.stringify([algs, jwk.kid, jwk.scope, publicMaterial(jwk)]);
  return createHash("sha256").update(parts).digest("base64url");
}
