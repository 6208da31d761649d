/** Signatures over bytes, for what is not a JSON Web Token. */
import { createHmac, timingSafeEqual, webcrypto } from "node:crypto";
import type { CryptoKey } from "jose";
import { type Algorithm, type Key, signerOf } from "../keys/index.ts";

const { subtle } = webcrypto;

/** Bytes of the salt of RSASSA-PSS: those of the hash (RFC 8230 section 2). */
const SALT_BYTES: Readonly<Record<string, number>> = { "256": 32, "384": 48, "512": 64 };

export async function checkSignature(
  key: CryptoKey | Uint8Array,
  alg: Algorithm,
  signed: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (key instanceof Uint8Array) {
    const expected = hmac(key, alg, signed);
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  }
  return await subtle.verify(parametersOf(alg), key, signature, signed);
}

/** Throws a `KeyError` when the key cannot sign. */
export async function makeSignature(key: Key, alg: Algorithm, signed: Uint8Array): Promise<Uint8Array> {
  const signer = await signerOf(key);
  if (signer instanceof Uint8Array) return hmac(signer, alg, signed);
  return new Uint8Array(await subtle.sign(parametersOf(alg), signer, signed));
}

function hmac(secret: Uint8Array, alg: Algorithm, signed: Uint8Array): Uint8Array {
  return createHmac(`sha${alg.slice(2)}`, secret)
    .update(signed)
    .digest();
}

function parametersOf(alg: Algorithm): { name: string; hash?: string; saltLength?: number } {
  if (alg === "EdDSA") return { name: "Ed25519" };
  const bits = alg.slice(2);
  const hash = `SHA-${bits}`;
  if (alg.startsWith("ES")) return { name: "ECDSA", hash };
  const saltLength = SALT_BYTES[bits];
  return alg.startsWith("PS") && saltLength !== undefined
    ? { name: "RSA-PSS", hash, saltLength }
    : { name: "RSASSA-PKCS1-v1_5", hash };
}
