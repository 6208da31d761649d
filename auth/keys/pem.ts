import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----/g;

export function isPem(text: string): boolean {
  return text.trimStart().startsWith("-----BEGIN ");
}

/** The JWK of the one key in a PEM text; or why there is none, which contains nothing of the text. */
export function jwkOfPem(text: string): { readonly jwk: object } | { readonly fault: string } {
  const labels = [...text.matchAll(BLOCK)].map(([, label]) => label).filter((label) => label !== "EC PARAMETERS");
  const [label = "", second] = labels;
  if (second !== undefined) return { fault: "a PEM file of a key must have one key and nothing else" };
  if (label === "CERTIFICATE") {
    return { fault: "a certificate is not a key; `openssl x509 -pubkey -noout -in FILE` prints its public key" };
  }
  if (label.includes("ENCRYPTED") || text.includes("Proc-Type: 4,ENCRYPTED")) {
    return { fault: "the PEM key is encrypted; the relay needs the public half only, which is not" };
  }
  try {
    return { jwk: keyObject(label, text).export({ format: "jwk" }) };
  } catch {
    return { fault: "not a PEM key of a type that tokens are signed with: EC, Ed25519 or RSA" };
  }
}

function keyObject(label: string, text: string): KeyObject {
  return label.endsWith("PRIVATE KEY") ? createPrivateKey(text) : createPublicKey(text);
}
