/** Keys in PEM, as openssl writes them. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { it } from "node:test";
import { KeyError, parseKeys, verifyToken } from "../../auth/index.ts";
import { NOW, RULES, signToken } from "./support.ts";

const PAIRS = [
  ["ES256", generateKeyPairSync("ec", { namedCurve: "P-256" }), "sec1"],
  ["ES384", generateKeyPairSync("ec", { namedCurve: "P-384" }), "sec1"],
  ["EdDSA", generateKeyPairSync("ed25519"), "pkcs8"],
  ["RS256", generateKeyPairSync("rsa", { modulusLength: 2048 }), "pkcs1"],
] as const;

const pem = (key: KeyObject, type: "spki" | "pkcs8" | "sec1" | "pkcs1", more = {}) =>
  String(key.export({ format: "pem", type, ...more }));

for (const [alg, pair, older] of PAIRS) {
  it(`a private key in PEM signs a token and its public half verifies it (${alg})`, async () => {
    const [open] = parseKeys(pem(pair.publicKey, "spki"));
    for (const type of ["pkcs8", older] as const) {
      const [key] = parseKeys(`\n${pem(pair.privateKey, type)}`, undefined, "named");
      assert.ok(key !== undefined && open !== undefined);
      assert.deepEqual([key.alg, key.kid, key.holds, open.holds], [alg, "named", "private", "public"]);
      const { granted } = await verifyToken(await signToken(key, { get: "live" }), open, RULES, NOW);
      assert.deepEqual(granted.get, ["live"]);
    }
  });
}

it("a PEM file that has no usable key is refused, and the message has nothing of it", () => {
  const [, ec] = PAIRS[0];
  const open = pem(ec.publicKey, "spki");
  const table: [text: string, message: RegExp][] = [
    [open + open, /one key and nothing else/],
    [pem(ec.privateKey, "pkcs8", { cipher: "aes-256-cbc", passphrase: "x" }), /is encrypted/],
    ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", /openssl x509 -pubkey/],
    ["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", /not a PEM key/],
    [pem(generateKeyPairSync("ec", { namedCurve: "P-521" }).publicKey, "spki"), /crv/],
    [pem(generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey, "spki"), /2048/],
  ];
  for (const [text, message] of table) {
    const body = text.split("\n")[1] ?? "";
    assert.throws(
      () => parseKeys(text),
      (error) => error instanceof KeyError && message.test(error.message) && !error.message.includes(body),
      String(message),
    );
  }
});
