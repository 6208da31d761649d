/** The readers of Common Access Tokens: refused with a code, or read the same each time, and never larger than their bounds. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { readCatAbout, readCatClaims } from "../../auth/cat/claims.ts";
import { readSigned } from "../../auth/cat/cose.ts";
import { writeScopes } from "../../auth/cat/scopes.ts";
import { AuthError, isProof, readClaims, readHeader, scopesOfPaths, signCat } from "../../auth/index.ts";
import { toKey } from "../../auth/keys/index.ts";
import type { FuzzTarget } from "./target.ts";

const key = toKey({ kty: "oct", alg: "HS256", k: Buffer.alloc(32, 1).toString("base64url"), kid: "k1" });
const signed = await signCat(key, {
  scopes: scopesOfPaths(["live/a"], ["", "live"]),
  about: { exp: 2_000_000_000, jti: "id", aud: ["relay"], iss: "issuer" },
  revalidate: 300,
});
const file = new URL("../auth/vectors/draft-ietf-moq-c4m-01.json", import.meta.url);
const published: { moqt: { token: string }[]; dpop: { token: string }[] } = JSON.parse(readFileSync(file, "utf8"));
const texts = [...published.moqt, ...published.dpop].map(({ token }) => token);

const copy = (bytes: Buffer) => new Uint8Array(bytes);

/** True when `read` takes its input; false when it refuses it with a code. */
function taken(read: () => void): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (error instanceof AuthError) return false;
    throw error;
  }
}

function readAll(text: string): void {
  isProof(text);
  JSON.stringify(readClaims(text));
  readHeader(text);
  const { payload } = readSigned(text);
  readCatAbout(payload);
  const { asked, terms } = readCatClaims(payload);
  assert.ok(terms.scopes.scopes.length <= 64 && asked.put.length <= 64 && asked.get.length <= 64);
  assert.ok(writeScopes(terms.scopes.scopes).length <= 64);
  terms.scopes.permits("subscribe", { namespace: [payload], track: payload });
}

const TOKEN: FuzzTarget = {
  name: "Common Access Token",
  sound: [copy(Buffer.from(signed, "base64url"))],
  run: (input) => taken(() => readAll(Buffer.from(input).toString("base64url"))),
};

const TEXT: FuzzTarget = {
  name: "Common Access Token in three parts",
  sound: texts.map((text) => copy(Buffer.from(text))),
  run: (input) => taken(() => readAll(Buffer.from(input).toString("latin1"))),
};

const CLAIMS: FuzzTarget = {
  name: "claims of a Common Access Token",
  sound: [...texts, signed].map((text) => copy(Buffer.from(readSigned(text).payload))),
  run: (input) => taken(() => void [readCatAbout(input), readCatClaims(input)]),
};

export function tokenTargets(): FuzzTarget[] {
  return [TOKEN, TEXT, CLAIMS];
}
