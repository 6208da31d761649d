/** Which tokens are taken, and with which code the others are refused. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, it } from "node:test";
import { exportSPKI, importJWK } from "jose";
import {
  AuthError,
  generateKey,
  type Key,
  parseKeys,
  publicJwk,
  signToken,
  type TokenRules,
  verifyToken,
} from "../../auth/index.ts";
import { NOW, NOW_SECONDS, RULES } from "./support.ts";

const GRANT = { root: "demo", put: ["a"], get: [""] };
const key = await generateKey({ alg: "ES256", kid: "one" });
const secret = await generateKey({ alg: "HS256", kid: "secret" });
const rsa = await generateKey({ alg: "RS256", kid: "rsa" });

const take = (token: string, by: Key = key, rules: Partial<TokenRules> = {}) =>
  verifyToken(token, by, { ...RULES, ...rules }, NOW);
const sign = (claims: Record<string, unknown>, by: Key = key) => signToken(by, { ...GRANT, ...claims });

function unsigned(header: object, payload: unknown, signature = ""): string {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString("base64url");
  return `${encode(header)}.${encode(payload)}.${signature}`;
}

/** Signs what our own signer would not. */
function hs256(header: object, payload: unknown, material: string | Uint8Array): string {
  return hs256Text(JSON.stringify(header), JSON.stringify(payload), material);
}

function hs256Text(header: string, payload: string, material: string | Uint8Array): string {
  const text = [header, payload].map((part) => Buffer.from(part).toString("base64url")).join(".");
  return `${text}.${createHmac("sha256", material).update(text).digest("base64url")}`;
}

const secretBytes = Buffer.from(String(secret.jwk["k"]), "base64url");
const bySecret = (payload: unknown, header: object = { alg: "HS256" }) => hs256(header, payload, secretBytes);

describe("a token that is refused", () => {
  const table: [what: string, code: string, token: () => string | Promise<string>, by?: Key][] = [
    ["expired a second ago", "token_expired", () => sign({ exp: NOW_SECONDS - 1 })],
    ["expires now", "token_expired", () => sign({ exp: NOW_SECONDS })],
    ["not valid before ten seconds from now", "token_not_yet_valid", () => sign({ nbf: NOW_SECONDS + 10 })],
    ["issued ten seconds from now", "token_not_yet_valid", () => sign({ iat: NOW_SECONDS + 10 })],
    ["alg none", "alg_refused", () => unsigned({ alg: "none" }, GRANT)],
    ["alg None", "alg_refused", () => unsigned({ alg: "None" }, GRANT)],
    ["alg nOnE with a signature", "alg_refused", () => unsigned({ alg: "nOnE" }, GRANT, "AAAA")],
    ["no alg", "alg_refused", () => unsigned({ typ: "JWT" }, GRANT)],
    ["an alg that is an object", "alg_refused", () => unsigned({ alg: { alg: "ES256" } }, GRANT)],
    ["alg of another key of the same kind", "alg_refused", async () => sign({}, await generateKey({ alg: "ES384" }))],
    ["alg HS512 for an HS256 secret", "alg_refused", () => bySecret(GRANT, { alg: "HS512" }), secret],
    [
      "signature of another key",
      "signature_invalid",
      async () => sign({}, await generateKey({ alg: "ES256", kid: "one" })),
    ],
    ["signature empty", "signature_invalid", () => unsigned({ alg: "ES256" }, GRANT)],
    [
      "payload swapped",
      "signature_invalid",
      async () => {
        const [head, , tail] = (await sign({})).split(".");
        return `${head}.${Buffer.from(JSON.stringify({ ...GRANT, put: [""] })).toString("base64url")}.${tail}`;
      },
    ],
    [
      "key in its own header",
      "signature_invalid",
      () => unsigned({ alg: "ES256", jwk: publicJwk(key) }, GRANT, "AAAA"),
    ],
    [
      "critical header that nobody knows",
      "token_malformed",
      () => bySecret(GRANT, { alg: "HS256", crit: ["x"], x: 1 }),
      secret,
    ],
    [
      "payload not base64 (b64: false)",
      "token_malformed",
      () => bySecret(GRANT, { alg: "HS256", b64: false, crit: ["b64"] }),
      secret,
    ],
    ["nothing", "token_malformed", () => ""],
    ["not a token", "token_malformed", () => "hello"],
    ["two parts", "token_malformed", () => "e30.e30"],
    ["five parts, encrypted", "token_malformed", () => `${unsigned({ alg: "HS256", enc: "A128GCM" }, GRANT)}.AA.AA`],
    [
      "a token within a token",
      "token_malformed",
      async () => bySecret(await sign({}), { alg: "HS256", cty: "JWT" }),
      secret,
    ],
    ["a list as payload", "token_malformed", () => bySecret([GRANT]), secret],
    ["too long", "token_too_large", () => sign({ sub: "x", extra: "y".repeat(8192) })],
    ["a kid that is no text", "token_malformed", () => bySecret(GRANT, { alg: "HS256", kid: ["secret"] }), secret],
    ["exp as text", "claims_invalid", () => bySecret({ ...GRANT, exp: "4102444800" }), secret],
    ["exp beyond all dates", "claims_invalid", () => bySecret({ ...GRANT, exp: 1e300 }), secret],
    ["exp negative", "token_expired", () => bySecret({ ...GRANT, exp: -1 }), secret],
    [
      "put with 257 entries",
      "claims_invalid",
      () => bySecret({ put: Array.from({ length: 257 }, (_, n) => `${n}`) }),
      secret,
    ],
    ["put nested", "claims_invalid", () => bySecret({ put: [["a"]] }), secret],
    ["put of a prefix of 1025 characters", "claims_invalid", () => bySecret({ put: ["a".repeat(1025)] }), secret],
    ["put that climbs", "claims_invalid", () => bySecret({ root: "demo", put: ["../other"] }), secret],
    ["root that climbs", "claims_invalid", () => bySecret({ root: "demo/..", put: [""] }), secret],
    ["root with a NUL", "claims_invalid", () => bySecret({ root: "demo\u0000", put: [""] }), secret],
    [
      "put twice",
      "claims_invalid",
      () => hs256Text('{"alg":"HS256"}', '{"root":"demo","put":["none"],"put":[""]}', secretBytes),
      secret,
    ],
    [
      "root twice, once in other letters",
      "claims_invalid",
      () => hs256Text('{"alg":"HS256"}', '{"root":"demo","get":"","r\\u006fot":""}', secretBytes),
      secret,
    ],
    [
      "alg twice",
      "token_malformed",
      () => hs256Text('{"alg":"none","alg":"HS256"}', '{"get":""}', secretBytes),
      secret,
    ],
    ["neither put nor get", "claims_invalid", () => bySecret({ root: "demo" }), secret],
    ["cluster as text", "claims_invalid", () => bySecret({ ...GRANT, cluster: "true" }), secret],
  ];
  for (const [what, code, token, by] of table) {
    it(`${what}: ${code}`, async () => {
      await assert.rejects(take(await token(), by), { name: "AuthError", code });
    });
  }

  it("for an RSA public key used as HS256 secret, in every form of that key: alg_refused", async () => {
    const pem = await exportSPKI((await importJWK(publicJwk(rsa), "RS256")) as Parameters<typeof exportSPKI>[0]);
    const forms = [pem, pem.trim(), JSON.stringify(publicJwk(rsa)), Buffer.from(String(rsa.jwk["n"]), "base64url")];
    for (const form of forms) {
      await assert.rejects(take(hs256({ alg: "HS256", kid: "rsa" }, GRANT, form), rsa), { code: "alg_refused" });
      await assert.rejects(take(hs256({ alg: "RS256", kid: "rsa" }, GRANT, form), rsa), { code: "signature_invalid" });
    }
  });

  it("for another issuer or audience", async () => {
    const rules = { issuers: ["https://issuer.example"], audiences: ["relay"] };
    const good = { iss: "https://issuer.example", aud: ["relay", "else"] };
    await take(await sign(good), key, rules);
    await assert.rejects(take(await sign({ ...good, iss: "x" }), key, rules), { code: "issuer_mismatch" });
    await assert.rejects(take(await sign({ ...good, aud: "x" }), key, rules), { code: "audience_mismatch" });
    await assert.rejects(take(await sign({}), key, rules), { code: "issuer_mismatch" });
  });
});

describe("a token that is accepted", () => {
  const table: [what: string, claims: Record<string, unknown>][] = [
    ["without times", {}],
    ["until a second from now", { exp: NOW_SECONDS + 1 }],
    ["issued by a clock that is five seconds ahead", { iat: NOW_SECONDS + 5, nbf: NOW_SECONDS + 5 }],
    ["with fractions of a second", { exp: NOW_SECONDS + 0.5 }],
    ["with claims of others", { name: "somebody", realm: { roles: [] } }],
  ];
  for (const [what, claims] of table) {
    it(what, async () => {
      assert.deepEqual((await take(await sign(claims))).granted.put, ["a"]);
    });
  }

  it("may use every algorithm of its key's type, and no other, when an RSA key names none", async () => {
    const { alg: _alg, key_ops: _ops, ...jwk } = publicJwk(rsa);
    const [open] = parseKeys(JSON.stringify({ keys: [{ ...jwk, use: "sig" }] }));
    assert.ok(open);
    const { alg: _signs, ...material } = rsa.jwk;
    for (const alg of ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] as const) {
      const [signer] = parseKeys(JSON.stringify({ ...material, alg }));
      assert.ok(signer);
      assert.deepEqual((await take(await signToken(signer, GRANT), open)).granted.put, ["a"], alg);
    }
    const forged = hs256({ alg: "HS256", kid: "rsa" }, GRANT, JSON.stringify(jwk));
    await assert.rejects(take(forged, open), { code: "alg_refused" });
    await assert.rejects(take(unsigned({ alg: "none" }, GRANT), open), { code: "alg_refused" });
  });

  it("the message of a refusal contains nothing of the token", async () => {
    const token = await sign({ exp: NOW_SECONDS - 1, sub: "somebody" });
    const error = await take(token).then(
      () => assert.fail("taken"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof Error);
    const text = `${error.message}${error.stack}${JSON.stringify(error)}${String(error.cause)}`;
    for (const part of token.split(".")) assert.equal(text.includes(part), false);
    assert.equal(text.includes("somebody"), false);
  });
});

describe("auth.max_life", () => {
  const HOUR_S = 3_600;
  const rules = { ...RULES, maxLifeMs: HOUR_S * 1_000 };
  const refusal = async (claims: Record<string, unknown>, now = NOW) => {
    try {
      await verifyToken(await sign(claims), key, rules, now);
      return undefined;
    } catch (error) {
      return error instanceof AuthError ? error.code : error;
    }
  };

  it("refuses a token that lives longer, from its `iat` or from now, and one that never expires", async () => {
    assert.equal(await refusal({ exp: NOW_SECONDS + HOUR_S }), undefined);
    assert.equal(await refusal({ exp: NOW_SECONDS + HOUR_S + 5 }), undefined, "clock skew");
    assert.equal(await refusal({ exp: NOW_SECONDS + HOUR_S + 6 }), "life_too_long");
    assert.equal(await refusal({}), "life_too_long");
    assert.equal(await refusal({ iat: NOW_SECONDS }), "life_too_long");
    assert.equal(await refusal({ cluster: true }), "life_too_long", "tokens of relays too");
  });

  it("counts from `iat`: a long token stays refused when little of it is left", async () => {
    const exp = NOW_SECONDS + 2 * HOUR_S;
    assert.equal(await refusal({ iat: NOW_SECONDS, exp }, NOW + 1.9 * HOUR_S * 1_000), "life_too_long");
    assert.equal(await refusal({ iat: NOW_SECONDS + HOUR_S, exp }, NOW + 1.9 * HOUR_S * 1_000), undefined);
    assert.equal(await refusal({ iat: NOW_SECONDS + 4, exp: NOW_SECONDS + HOUR_S + 6 }), "life_too_long", "iat ahead");
  });
});
