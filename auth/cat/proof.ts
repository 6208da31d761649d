/**
 * Proofs that a client has the key of its token: draft-nandakumar-moq-generic-dpop-proof-00, as a JSON Web Token or a CBOR Web Token.
 * What a proof says is not trusted before its signature was verified with the key that it brings.
 */
import { decodeProtectedHeader, jwtVerify } from "jose";
import * as z from "zod";
import { AuthError } from "../error.ts";
import { parseJson } from "../json.ts";
import { type Key, KeyError, toKey } from "../keys/index.ts";
import { MAX_TOKEN_BYTES } from "../rules.ts";
import { claimsOf, idText } from "./claims.ts";
import { type CborMap, HEADER, isCborText, readSigned, type SignedCbor, verifySigned } from "./cose.ts";
import { COSE_KEY_TYPE, CURVES, coseThumbprint, jwkThumbprint } from "./thumbprint.ts";

const JWT_TYPE = "dpop-proof+jwt";
const CWT_TYPE = "dpop-proof+cwt";
/** Where a CBOR proof has its key. */
const COSE_KEY = 4;
/** Keys of claims: `cti` and `iat` of RFC 8392, and those that the draft asks IANA for. */
const CWT_CLAIM = { iat: 6, cti: 7, actx: 400, ath: 402 } as const;
const CWT_CONTEXT = { type: 0, action: 1, tns: 2, tn: 3 } as const;

/** Longest id of a proof, in characters. */
const MAX_ID = 256;
const MAX_NAME = 8_192;

const contextShape = z.object({
  type: z.string(),
  action: z.string().max(64),
  tns: z.string().max(MAX_NAME).optional(),
  tn: z.string().max(MAX_NAME).optional(),
  resource: z
    .string()
    .max(2 * MAX_NAME)
    .optional(),
});
const claimsShape = z.object({
  jti: z.string().min(1).max(MAX_ID),
  iat: z.number(),
  actx: contextShape,
  /** Base64url of the hash of the token. */
  ath: z.string().max(64),
});
export type ProofClaims = z.output<typeof claimsShape>;

/** A proof whose signature was verified. */
export interface Proof {
  readonly claims: ProofClaims;
  /** SHA-256 of its key: of the JWK (RFC 7638), and of the COSE key (RFC 9679) where it has one of these. */
  readonly thumbprints: { readonly jkt: Uint8Array; readonly ckt: Uint8Array };
}

export function badProof(why: string): AuthError {
  return new AuthError("proof_invalid", `the proof of possession is not valid: ${why}`);
}

/** True for a text that is a proof and no token. */
export function isProof(text: string): boolean {
  if (text.length > MAX_TOKEN_BYTES) return false;
  try {
    if (isCborText(text)) return readSigned(text).header.get(HEADER.typ) === CWT_TYPE;
    return decodeProtectedHeader(text).typ === JWT_TYPE;
  } catch {
    return false;
  }
}

/** Reads a proof and verifies its signature. Throws {@link AuthError} `proof_invalid`. */
export async function readProof(text: string): Promise<Proof> {
  if (text.length > MAX_TOKEN_BYTES) throw badProof(`it is longer than ${MAX_TOKEN_BYTES} bytes`);
  try {
    return isCborText(text) ? await readCwt(text) : await readJwt(text);
  } catch (error) {
    if (error instanceof AuthError && error.code === "proof_invalid") throw error;
    throw badProof("it is malformed, or its signature is wrong");
  }
}

async function readJwt(text: string): Promise<Proof> {
  const { typ, alg, jwk } = decodeProtectedHeader(text);
  if (typ !== JWT_TYPE) throw badProof(`its \`typ\` is not ${JWT_TYPE}`);
  const key = publicKey({ ...jwk, alg });
  const verified = await jwtVerify(text, await key.verifier(key.alg), { algorithms: [key.alg], typ: JWT_TYPE });
  // A claim that is there twice is read differently by different readers.
  parseJson(Buffer.from(text.split(".")[1] ?? "", "base64url").toString());
  return {
    claims: claimsIn(verified.payload),
    thumbprints: { jkt: await jwkThumbprint(key), ckt: coseThumbprint(key) },
  };
}

async function readCwt(text: string): Promise<Proof> {
  const signed = readSigned(text);
  if (signed.header.get(HEADER.typ) !== CWT_TYPE) throw badProof(`its \`typ\` is not ${CWT_TYPE}`);
  const key = publicKey(jwkOf(signed));
  await verifySigned(signed, key);
  return {
    claims: claimsIn(cwtClaims(claimsOf(signed.payload))),
    thumbprints: { jkt: await jwkThumbprint(key), ckt: coseThumbprint(key) },
  };
}

function claimsIn(claims: unknown): ProofClaims {
  const parsed = claimsShape.safeParse(claims);
  if (parsed.success) return parsed.data;
  throw badProof(`its claim \`${String(parsed.error.issues[0]?.path[0] ?? "")}\` is missing or invalid`);
}

function cwtClaims(claims: CborMap): unknown {
  const ath = claims.get(CWT_CLAIM.ath);
  const context = claims.get(CWT_CLAIM.actx);
  return {
    jti: idText(claims.get(CWT_CLAIM.cti)),
    iat: claims.get(CWT_CLAIM.iat),
    actx: context instanceof Map ? namedContext(context) : undefined,
    ath: ath instanceof Uint8Array ? Buffer.from(ath).toString("base64url") : undefined,
  };
}

function namedContext(context: CborMap): unknown {
  return Object.fromEntries(
    Object.entries(CWT_CONTEXT).flatMap(([name, key]) => (context.has(key) ? [[name, context.get(key)]] : [])),
  );
}

/** The public key of a proof. A secret, and a private key that its owner gave away, prove nothing. */
function publicKey(jwk: object): Key {
  try {
    const key = toKey(jwk);
    if (key.holds === "public") return key;
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
  }
  throw badProof("its key is not a public key of an algorithm that this relay accepts");
}

/** The COSE key of a proof as a JWK. */
function jwkOf({ alg, header }: SignedCbor): object {
  const key = header.get(COSE_KEY);
  if (!(key instanceof Map)) throw badProof("it has no key");
  const part = (label: number) => {
    const bytes: unknown = key.get(label);
    return bytes instanceof Uint8Array ? Buffer.from(bytes).toString("base64url") : undefined;
  };
  const { OKP, EC2, RSA } = COSE_KEY_TYPE;
  if (key.has(-4) && key.get(1) !== RSA) throw badProof("its key is a private one");
  const crv = CURVES.get(key.get(-1));
  switch (key.get(1)) {
    case EC2:
      return { kty: "EC", alg, crv, x: part(-2), y: part(-3) };
    case OKP:
      return { kty: "OKP", alg, crv, x: part(-2) };
    case RSA:
      return { kty: "RSA", alg, n: part(-1), e: part(-2) };
    default:
      throw badProof("its key is of a type that this relay does not accept");
  }
}
