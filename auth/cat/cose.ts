/**
 * A signed or authenticated CBOR text: COSE_Sign1 and COSE_Mac0 (RFC 9052), tagged or not, or the form of three base64url parts that
 * draft-ietf-moq-c4m-01 appendix A has, whose signature is over the first two as in a JWT.
 */
import { encode, rfc8949EncodeOptions, type TagDecodeControl } from "cborg";
import { AuthError } from "../error.ts";
import { type Algorithm, type Key, MAX_KEY_ID } from "../keys/index.ts";
import { MAX_TOKEN_BYTES } from "../rules.ts";
import { arrayIn, readCbor } from "./cbor.ts";
import { checkSignature, makeSignature } from "./signature.ts";

/** Algorithms of the IANA registry "COSE Algorithms". The first one of an algorithm is the one that we write. */
const COSE_ALGORITHMS: readonly (readonly [number, Algorithm])[] = [
  [5, "HS256"],
  [6, "HS384"],
  [7, "HS512"],
  [-7, "ES256"],
  [-9, "ES256"],
  [-35, "ES384"],
  [-51, "ES384"],
  [-8, "EdDSA"],
  [-19, "EdDSA"],
  [-37, "PS256"],
  [-38, "PS384"],
  [-39, "PS512"],
  [-257, "RS256"],
  [-258, "RS384"],
  [-259, "RS512"],
];
/** Appendix A of the draft numbers HMAC-SHA256 so, in the form of three parts. COSE has another algorithm there. */
const APPENDIX_HS256 = -4;

const CWT_TAG = 61;
const MAC0_TAG = 17;
const SIGN1_TAG = 18;
/** Header parameters (RFC 9052 section 3.1, RFC 9596). */
export const HEADER = { alg: 1, crit: 2, kid: 4, typ: 16 } as const;

export type CborMap = ReadonlyMap<unknown, unknown>;

/** What is signed, before anything is verified. */
export interface SignedCbor {
  readonly alg: Algorithm | undefined;
  /** The protected header. */
  readonly header: CborMap;
  readonly unprotected: CborMap;
  readonly payload: Uint8Array;
  /** The bytes that the signature is over. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** The array of a COSE structure, with the name that its signature is bound to; undefined where no tag says it. */
class Structure {
  readonly parts: unknown;
  readonly context: "MAC0" | "Signature1" | undefined;

  constructor(parts: unknown, context: Structure["context"]) {
    this.parts = parts;
    this.context = context;
  }
}

const TAGS = {
  [CWT_TAG]: (inner: TagDecodeControl) => inner(),
  [MAC0_TAG]: (inner: TagDecodeControl) => new Structure(inner(), "MAC0"),
  [SIGN1_TAG]: (inner: TagDecodeControl) => new Structure(inner(), "Signature1"),
};

/** First bytes of the structures: a tag of 17, 18 or 61, or an array of four. */
const FIRST_BYTES: ReadonlySet<number | undefined> = new Set([0xd1, 0xd2, 0xd8, 0x84]);

const malformed = () => new AuthError("token_malformed", "the token is neither COSE_Sign1 nor COSE_Mac0");

/** The bytes of base64 or base64url, with padding or without. */
export function fromBase64(text: string): Uint8Array | undefined {
  return /^[\w+/-]*={0,2}$/.test(text) ? Buffer.from(text, "base64") : undefined;
}

/** True for a text that only a CBOR token begins like; a JSON Web Token begins with the base64url of `{`. */
export function isCborText(text: string): boolean {
  const [head = "", ...others] = text.split(".", 4);
  const first = fromBase64(head.slice(0, 8))?.[0];
  if (others.length === 0) return FIRST_BYTES.has(first);
  return others.length === 2 && first !== undefined && first >> 5 === 5;
}

/** Reads a CBOR token as text. Throws {@link AuthError} `token_too_large`, `token_malformed`. */
export function readSigned(text: string): SignedCbor {
  if (text.length > MAX_TOKEN_BYTES) {
    throw new AuthError("token_too_large", `the token is longer than ${MAX_TOKEN_BYTES} bytes`);
  }
  const parts = text.split(".").map(fromBase64);
  const [first, payload, signature] = parts;
  try {
    if (first === undefined) throw malformed();
    if (parts.length === 1) return readStructure(first);
    if (parts.length !== 3 || payload === undefined || signature === undefined) throw malformed();
    const header = mapOf(readCbor(first));
    const signed = Buffer.from(text.slice(0, text.lastIndexOf(".")));
    const alg = header.get(HEADER.alg) === APPENDIX_HS256 ? "HS256" : algorithmIn(header);
    return checked({ alg, header, unprotected: new Map(), payload, signed, signature });
  } catch (error) {
    throw error instanceof AuthError ? error : malformed();
  }
}

/** Verifies the signature with one key. Throws {@link AuthError} `alg_refused`, `signature_invalid`. */
export async function verifySigned(token: SignedCbor, key: Key): Promise<void> {
  const { signed, signature } = token;
  const alg = algorithmOf(token);
  if (!key.algs.includes(alg)) throw new AuthError("alg_refused", "the token's `alg` does not match its key");
  if (await checkSignature(await key.verifier(alg), alg, signed, signature)) return;
  throw new AuthError("signature_invalid", "the token's signature is wrong: another key signed it, or it was changed");
}

/** Throws {@link AuthError} `alg_refused`. */
export function algorithmOf({ alg }: SignedCbor): Algorithm {
  if (alg !== undefined) return alg;
  throw new AuthError("alg_refused", "this relay does not accept the token's `alg`");
}

/** The key id of a token, as a text. Throws {@link AuthError} `token_malformed`. */
export function keyIdOf({ header, unprotected }: SignedCbor): string | undefined {
  const kid = header.get(HEADER.kid) ?? unprotected.get(HEADER.kid);
  if (kid === undefined) return undefined;
  const text = kid instanceof Uint8Array ? Buffer.from(kid).toString() : kid;
  if (typeof text === "string" && text !== "" && text.length <= MAX_KEY_ID) return text;
  throw new AuthError("token_malformed", `the token's \`kid\` is not a text of 1 to ${MAX_KEY_ID} characters`);
}

/** Signs `payload`: COSE_Mac0 for a secret, COSE_Sign1 for every other key. `header` has no `alg` and no `kid`. */
export async function makeSigned(key: Key, header: CborMap, payload: Uint8Array): Promise<Uint8Array> {
  const { alg, kid } = key;
  const id = COSE_ALGORITHMS.find(([, name]) => name === alg)?.[0];
  const named = kid === undefined ? [] : ([[HEADER.kid, Buffer.from(kid)]] as const);
  const whole = writeCbor(new Map<unknown, unknown>([[HEADER.alg, id], ...named, ...header]));
  const secret = alg.startsWith("HS");
  const signed = toBeSigned(secret ? "MAC0" : "Signature1", whole, payload);
  const signature = await makeSignature(key, alg, signed);
  const structure = writeCbor([whole, new Map(), payload, signature]);
  // Tags of less than 24 take one byte.
  return Buffer.concat([Uint8Array.of(0xc0 | (secret ? MAC0_TAG : SIGN1_TAG)), structure]);
}

/** Deterministic CBOR (RFC 8949 section 4.2). */
export function writeCbor(value: unknown): Uint8Array {
  return encode(value, rfc8949EncodeOptions);
}

function readStructure(bytes: Uint8Array): SignedCbor {
  const value = readCbor(bytes, TAGS);
  const { parts, context } = value instanceof Structure ? value : new Structure(value, undefined);
  const list = arrayIn(parts) ?? [];
  if (list.length !== 4) throw malformed();
  const [whole, unprotected, payload, signature] = list;
  if (!(whole instanceof Uint8Array && payload instanceof Uint8Array && signature instanceof Uint8Array))
    throw malformed();
  const header = mapOf(whole.length === 0 ? new Map() : readCbor(whole));
  const alg = algorithmIn(header);
  const fits = alg?.startsWith("HS") === true ? "MAC0" : "Signature1";
  if (context !== undefined && alg !== undefined && context !== fits) {
    throw new AuthError("alg_refused", "the token's `alg` does not fit its COSE structure");
  }
  const signed = toBeSigned(context ?? fits, whole, payload);
  return checked({ alg, header, unprotected: mapOf(unprotected), payload, signed, signature });
}

/** A critical parameter says that a reader who does not know it must refuse the token; we know none. */
function checked(token: SignedCbor): SignedCbor {
  if (!token.header.has(HEADER.crit)) return token;
  throw new AuthError("token_malformed", "the token has critical header parameters");
}

function toBeSigned(context: "MAC0" | "Signature1", header: Uint8Array, payload: Uint8Array): Uint8Array {
  return writeCbor([context, header, new Uint8Array(0), payload]);
}

function algorithmIn(header: CborMap): Algorithm | undefined {
  const id = header.get(HEADER.alg);
  return COSE_ALGORITHMS.find(([number]) => number === id)?.[1];
}

export function mapOf(value: unknown): CborMap {
  if (value instanceof Map) return value;
  throw malformed();
}
