/** The vectors of draft-ietf-moq-c4m-01, appendix A: bytes that we did not make. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import * as z from "zod";
import { readCbor } from "../../auth/cat/cbor.ts";
import { readCatClaims } from "../../auth/cat/claims.ts";
import { readSigned, verifySigned } from "../../auth/cat/cose.ts";
import { MOQT_ACTIONS, MoqtScopes } from "../../auth/cat/scopes.ts";
import { AuthError, readClaims, type TokenRules, verifyToken } from "../../auth/index.ts";
import { toKey } from "../../auth/keys/index.ts";
import { RULES } from "./support.ts";

const token = z.object({ id: z.string(), key: z.string().default("hmac"), token: z.string() });
const shape = z.object({
  keys: z.record(z.string(), z.string()),
  cbor: z.array(z.object({ id: z.string(), hex: z.string(), claims: z.unknown() })),
  signed: z.array(token),
  dpop: z.array(token.extend({ jkt: z.string(), window: z.number(), honor_jti: z.boolean().nullable() })),
  moqt: z.array(
    token.extend({
      reval: z.number().optional(),
      tests: z.array(z.tuple([z.number(), z.array(z.string()), z.string(), z.boolean()])),
    }),
  ),
  validation: z.array(
    token.extend({
      time: z.number(),
      issuers: z.array(z.string()).default([]),
      audiences: z.array(z.string()).default([]),
      error: z.string().nullable(),
    }),
  ),
});
const file = new URL("vectors/draft-ietf-moq-c4m-01.json", import.meta.url);
const VECTORS = shape.parse(JSON.parse(readFileSync(file, "utf8")));

const base64url = (hex: string | undefined) => Buffer.from(hex ?? "", "hex").toString("base64url");
const secret = (hex: string | undefined) => toKey({ kty: "oct", alg: "HS256", k: base64url(hex) });
const KEYS = new Map([
  ["hmac", secret(VECTORS.keys["hmac_sha256"])],
  [
    "es256",
    toKey({
      kty: "EC",
      crv: "P-256",
      x: base64url(VECTORS.keys["es256_public_key_x"]),
      y: base64url(VECTORS.keys["es256_public_key_y"]),
    }),
  ],
]);
const keyOf = (name: string) => KEYS.get(name) ?? secret(name);

const at = (seconds: number, text: string, key: string, rules: Partial<TokenRules> = {}) =>
  verifyToken(text, keyOf(key), { ...RULES, skewMs: 0, ...rules }, seconds * 1000);

/** As JSON would have it; byte strings in hexadecimal. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, one]) => [String(key), plain(one)]));
  return value;
}

describe("the vectors of draft-ietf-moq-c4m-01", () => {
  for (const { id, hex, claims } of VECTORS.cbor) {
    it(`${id}: its claims are read`, () => {
      assert.deepEqual(plain(readCbor(Buffer.from(hex, "hex"))), claims);
    });
  }

  for (const { id, token: text, key } of VECTORS.signed) {
    it(`${id}: its signature is valid, and that of a changed token is not`, async () => {
      await verifySigned(readSigned(text), keyOf(key));
      const changed = readSigned(text.replace("Z", "Y"));
      await assert.rejects(verifySigned(changed, keyOf(key)), { code: "signature_invalid" });
    });
  }

  it("token_hmac_full is refused all the same: the relay cannot check where its client is", async () => {
    const full = VECTORS.signed.find(({ id }) => id === "token_hmac_full");
    await assert.rejects(at(1_700_000_001, full?.token ?? "", "hmac"), { code: "claim_unsupported" });
  });

  for (const { id, token: text, key, jkt, window, honor_jti: once } of VECTORS.dpop) {
    it(`${id}: it is bound to a key`, async () => {
      const { terms } = await at(1_700_000_000, text, key);
      const confirmation = {
        method: "jkt",
        thumbprint: Buffer.from(jkt, "hex"),
        windowMs: window * 1000,
        once: once ?? true,
      };
      assert.deepEqual(
        { ...terms?.confirmation, thumbprint: Buffer.from(terms?.confirmation?.thumbprint ?? []) },
        confirmation,
      );
    });
  }

  for (const { id, token: text, reval, tests } of VECTORS.moqt) {
    it(`${id}: it permits what the vector says`, async () => {
      const { terms } = await at(1_700_000_000, text, "hmac");
      assert.ok(terms);
      assert.equal(terms.revalidates, reval !== undefined);
      for (const [action, namespace, track, expected] of tests) {
        const name = MOQT_ACTIONS[action];
        assert.ok(name);
        const target = { namespace: namespace.map((field) => Buffer.from(field)), track: Buffer.from(track) };
        assert.equal(terms.scopes.permits(name, target), expected, `${name} ${namespace.join("/")} ${track}`);
      }
    });
  }

  for (const { id, token: text, key, time, issuers, audiences, error } of VECTORS.validation) {
    it(`${id}: ${error ?? "it is valid"}`, async () => {
      const verified = at(time, text, key, { issuers, audiences });
      if (error === null) assert.deepEqual((await verified).terms?.scopes, new MoqtScopes([]));
      else await assert.rejects(verified, (thrown) => thrown instanceof AuthError && thrown.code === error);
    });
  }

  it("are shown as JSON", () => {
    const shown = readClaims(VECTORS.moqt[0]?.token ?? "");
    assert.deepEqual(shown, {
      header: { alg: -4, typ: "CAT" },
      claims: {
        iss: "https://auth.example.com",
        exp: 1_700_086_400,
        moqt: [
          [
            ["publish_namespace", "publish"],
            ["example.com", "alice"],
            ["prefix", "video-"],
          ],
        ],
      },
    });
  });

  it("have a payload whose scopes are the paths that a key may grant", () => {
    const { asked } = readCatClaims(readSigned(VECTORS.moqt[2]?.token ?? "").payload);
    assert.deepEqual(asked, { root: "", put: ["live.example/studio-a"], get: [""], cluster: false });
  });
});
