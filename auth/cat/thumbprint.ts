/** The public part of a key, and what it is named by in tokens. */
import { createHash } from "node:crypto";
import { calculateJwkThumbprint, type JWK } from "jose";
import type { Key } from "../keys/index.ts";
import { writeCbor } from "./cose.ts";

/** Types and curves of the registry "COSE Key". */
export const COSE_KEY_TYPE = { OKP: 1, EC2: 2, RSA: 3 } as const;
export const CURVES: ReadonlyMap<unknown, string> = new Map([
  [1, "P-256"],
  [2, "P-384"],
  [6, "Ed25519"],
]);

const MEMBERS = ["kty", "crv", "x", "y", "n", "e"] as const;

/** The members that make the public key, and no others. */
export function publicMembers({ jwk }: Key): JWK {
  const members: JWK = {};
  for (const name of MEMBERS) {
    const value = jwk[name];
    if (typeof value === "string") members[name] = value;
  }
  return members;
}

/** SHA-256 of the JWK (RFC 7638). */
export async function jwkThumbprint(key: Key): Promise<Uint8Array> {
  return new Uint8Array(Buffer.from(await calculateJwkThumbprint(publicMembers(key), "sha256"), "base64url"));
}

/** SHA-256 of the COSE key (RFC 9679). */
export function coseThumbprint(key: Key): Uint8Array {
  return createHash("sha256")
    .update(writeCbor(coseMembers(publicMembers(key))))
    .digest();
}

/** The members of a COSE key that its thumbprint is made of (RFC 9679 section 4). */
function coseMembers({ kty, crv, x = "", y = "", n = "", e = "" }: JWK): Map<number, unknown> {
  const bytes = (text: string) => new Uint8Array(Buffer.from(text, "base64url"));
  const curve = [...CURVES].find(([, name]) => name === crv)?.[0];
  const { OKP, EC2, RSA } = COSE_KEY_TYPE;
  if (kty === "RSA")
    return new Map<number, unknown>([
      [1, RSA],
      [-1, bytes(n)],
      [-2, bytes(e)],
    ]);
  if (kty === "OKP")
    return new Map<number, unknown>([
      [1, OKP],
      [-1, curve],
      [-2, bytes(x)],
    ]);
  return new Map<number, unknown>([
    [1, EC2],
    [-1, curve],
    [-2, bytes(x)],
    [-3, bytes(y)],
  ]);
}
