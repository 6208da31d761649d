/** Common Access Tokens: which are taken, with which code the others are refused, and what they permit. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CLAIM } from "../../auth/cat/claims.ts";
import { makeSigned, writeCbor } from "../../auth/cat/cose.ts";
import { MoqtScopes } from "../../auth/cat/scopes.ts";
import { ALGORITHMS, generateKey, type Key, readHeader, scopesOfJson, signCat, verifyToken } from "../../auth/index.ts";
import { NOW, NOW_SECONDS, openAuth, RULES } from "./support.ts";

const key = await generateKey({ alg: "ES256", kid: "one" });
const secret = await generateKey({ alg: "HS256", kid: "secret" });
const ALL = scopesOfJson(
  '[[["client_setup", "publish_namespace", "subscribe_namespace", "subscribe", "publish", "fetch"]]]',
);
const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const take = (token: string, by: Key = key) => verifyToken(token, by, RULES, NOW);

/** A token that our own signer would not make. */
async function raw(claims: [unknown, unknown][], by: Key = key, header: [number, unknown][] = []): Promise<string> {
  const token = await makeSigned(by, new Map(header), writeCbor(new Map(claims)));
  return Buffer.from(token).toString("base64url");
}
const moqt = (scopes: unknown) => raw([[CLAIM.moqt, scopes]]);
const wrapped = async (head: string) => {
  const token = Buffer.from(await signCat(key, { scopes: ALL, about: {} }), "base64url");
  return Buffer.concat([Buffer.from(head, "hex"), token.subarray(1)]).toString("base64url");
};

describe("a Common Access Token", () => {
  for (const alg of ALGORITHMS) {
    it(`signed with ${alg} is accepted with its claims`, async () => {
      const by = await generateKey({ alg, kid: alg });
      const about = {
        exp: NOW_SECONDS + 60,
        nbf: NOW_SECONDS,
        iat: NOW_SECONDS,
        jti: "id-1",
        sub: "a",
        iss: "b",
        aud: ["c"],
      };
      const token = await signCat(by, { scopes: ALL, about });
      const verified = await take(token, by);
      assert.deepEqual(verified.about, about);
      assert.deepEqual(verified.terms?.scopes.scopes, ALL);
      await assert.rejects(take(token, await generateKey({ alg, kid: alg })), { code: "signature_invalid" });
    });
  }

  it("may have the tag of CWT, or no tag", async () => {
    for (const head of ["d83dd2", ""]) assert.ok((await take(await wrapped(head))).terms);
  });

  it("may be base64 with + and /, and padded", async () => {
    const token = await signCat(key, { scopes: ALL, about: { sub: "~~~???>>>" } });
    const padded = Buffer.from(token, "base64url").toString("base64");
    assert.match(padded, /[+/]/);
    assert.equal((await take(padded)).about.sub, "~~~???>>>");
  });

  const nested = (depth: number) => Buffer.from(`${"81".repeat(depth)}00`, "hex").toString("base64url");
  const table: [what: string, code: string, token: () => string | Promise<string>, by?: Key][] = [
    ["has expired", "token_expired", () => signCat(key, { scopes: ALL, about: { exp: NOW_SECONDS } })],
    ["is not valid yet", "token_not_yet_valid", () => signCat(key, { scopes: ALL, about: { nbf: NOW_SECONDS + 10 } })],
    ["is of the future", "token_not_yet_valid", () => signCat(key, { scopes: ALL, about: { iat: NOW_SECONDS + 10 } })],
    ["is tagged as COSE_Mac0 and signed", "alg_refused", () => wrapped("d1")],
    ["has the alg of another kind of key", "alg_refused", () => signCat(secret, { scopes: ALL, about: {} })],
    [
      "has an alg that is not known",
      "alg_refused",
      () => Buffer.from("d28444a1011863a04040", "hex").toString("base64url"),
    ],
    ["has a critical header", "token_malformed", () => raw([], key, [[2, [99]]])],
    ["is an array of three", "token_malformed", () => Buffer.from("8343a1012640a0", "hex").toString("base64url")],
    ["is cut off", "token_malformed", async () => (await moqt([[[4]]])).slice(0, -10)],
    ["has bytes after it", "token_malformed", async () => `${await moqt([[[4]]])}AAAA`],
    ["nests without end", "token_malformed", () => `hE${nested(6_000)}`],
    ["is longer than 8 KiB", "token_too_large", async () => `${await moqt([[[4]]])}${"A".repeat(8_192)}`],
    [
      "has a claim twice",
      "claims_invalid",
      async () => {
        const twice = Buffer.from("a2041a65554280041a65554281", "hex");
        return Buffer.from(await makeSigned(key, new Map(), twice)).toString("base64url");
      },
    ],
    [
      "has claims that are no map",
      "claims_invalid",
      async () => Buffer.from(await makeSigned(key, new Map(), writeCbor([1]))).toString("base64url"),
    ],
    ["has an exp that is a text", "claims_invalid", () => raw([[CLAIM.exp, "tomorrow"]])],
    ["has scopes that are no list", "claims_invalid", () => moqt("all")],
    ["has no scope", "claims_invalid", () => moqt([])],
    ["has a scope without actions", "claims_invalid", () => moqt([[[]]])],
    ["has an action that is no number", "claims_invalid", () => moqt([[["subscribe"]]])],
    ["has a match of an unknown type", "claims_invalid", () => moqt([[[4], [[3, bytes("a")]]]])],
    ["has a match that is a text", "claims_invalid", () => moqt([[[4], ["a"]]])],
    ["has nil inside a namespace", "claims_invalid", () => moqt([[[4], [null, bytes("a")]]])],
    ["has nil as the match of a track", "claims_invalid", () => moqt([[[4], [bytes("a")], null]])],
    ["has a fourth element in a scope", "claims_invalid", () => moqt([[[4], [bytes("a")], bytes("b"), 1]])],
    ["has 65 scopes", "claims_invalid", () => moqt(Array.from({ length: 65 }, () => [[4]]))],
    ["has 34 matches", "claims_invalid", () => moqt([[[4], Array.from({ length: 34 }, () => bytes("a"))]])],
    ["is of a version of later days", "claims_invalid", () => raw([[CLAIM.catv, 2]])],
    ["is for one network", "claim_unsupported", () => raw([[311, ["192.0.2.1"]]])],
    ["may be used once", "claim_unsupported", () => raw([[CLAIM.catreplay, 1]])],
    ["is to be revalidated ten times a second", "claims_invalid", () => raw([[CLAIM["moqt-reval"], 0.1]])],
    ["is to be revalidated never and again", "claims_invalid", () => raw([[CLAIM["moqt-reval"], -1]])],
    ["is bound to a key by a short thumbprint", "claims_invalid", () => raw([[CLAIM.cnf, new Map([[3, bytes("a")]])]])],
    ["is bound in a way that is not known", "claims_invalid", () => raw([[CLAIM.cnf, new Map([[1, new Map()]])]])],
    ["has settings of DPoP without a key", "claims_invalid", () => raw([[CLAIM.catdpop, new Map([[0, 5]])]])],
  ];
  for (const [what, code, token, by] of table) {
    it(`that ${what} is refused with ${code}, and the message has nothing of it`, async () => {
      const text = await token();
      await assert.rejects(take(text, by), (error: Error & { code?: string }) => {
        assert.equal(error.code, code, error.message);
        assert.equal(error.message.includes(text.slice(0, 20)), false);
        return true;
      });
    });
  }

  it("has the id of its key in its header, as a text of 1 to 256 characters", async () => {
    const named = async (kid: string) => readHeader(await raw([], { ...key, kid }));
    assert.deepEqual(await named("k".repeat(256)), { alg: "ES256", kid: "k".repeat(256) });
    for (const kid of ["", "k".repeat(257)]) await assert.rejects(named(kid), { code: "token_malformed" });
  });

  it("grants no more than its key may", async () => {
    const scoped = await generateKey({ alg: "ES256", kid: "scoped", scope: { root: "live", get: [""] } });
    const under = (name: string, match: string) => scopesOfJson(`[[["client_setup", "${name}"], ${match}]]`);
    const unscoped: Key = { ...scoped, scope: undefined };
    const verify = async (scopes: typeof ALL) => await take(await signCat(unscoped, { scopes, about: {} }), scoped);
    assert.ok(await verify(under("subscribe", '["live", ["prefix", "room"]]')));
    for (const beyond of [
      under("publish", '["live"]'),
      under("subscribe", '["other"]'),
      under("fetch", '[["prefix", "live"]]'),
      ALL,
    ]) {
      await assert.rejects(verify(beyond), { code: "key_scope_exceeded" });
    }
  });
});

/** The examples of section 2.1.1: the scope, and what it permits. Their track names and namespaces are texts here. */
const EXAMPLES: readonly [match: string, permitted: [string[], string][], prohibited: [string[], string][]][] = [
  [
    '["example", "com", null], "/bob"',
    [[["example", "com"], "/bob"]],
    [
      [["example", "com"], ""],
      [["example", "com"], "/bob/123"],
      [["example", "com"], "/alice"],
      [["alternate", "example", "com"], "/bob"],
      [["12345"], ""],
      [["example"], "com/bob"],
      [["example", "com", "/bob"], ""],
      [["example", "com", ""], "/bob"],
    ],
  ],
  [
    '["example", "com", null], ["prefix", "/bob"]',
    [
      [["example", "com"], "/bob"],
      [["example", "com"], "/bob/123"],
    ],
    [
      [["example", "com"], ""],
      [["example", "com"], "/alice"],
      [["alternate", "example", "com"], "/bob"],
    ],
  ],
  [
    '["example", "com"], "/bob"',
    [
      [["example", "com"], "/bob"],
      [["example", "com", ""], "/bob"],
      [["example", "com", "bob"], "/bob"],
    ],
    [
      [["example", "com"], "/bob/123"],
      [["example", "com", "/bob"], ""],
    ],
  ],
  [
    '["example", "com"]',
    [
      [["example", "com"], "/bob"],
      [["example", "com", "bob"], ""],
    ],
    [
      [["alternate", "example", "com"], "/bob"],
      [["example"], "com/bob"],
    ],
  ],
  [
    '["example", ["prefix", "user-"], null], "/data"',
    [
      [["example", "user-alice"], "/data"],
      [["example", "user-"], "/data"],
    ],
    [
      [["example", "alice"], "/data"],
      [["example", "user-alice", "extra"], "/data"],
      [["example", "USER-alice"], "/data"],
      [["example"], "/data"],
    ],
  ],
  [
    '["example", "com", null], ["suffix", ".json"]',
    [
      [["example", "com"], "/api/response.json"],
      [["example", "com"], ".json"],
    ],
    [
      [["example", "com"], "json"],
      [["example", "com"], "data.JSON"],
      [["example", "com"], "data.json.bak"],
    ],
  ],
];

describe("the scopes of a token", () => {
  const target = ([namespace, track]: [string[], string]) => ({ namespace: namespace.map(bytes), track: bytes(track) });
  for (const [match, permitted, prohibited] of EXAMPLES) {
    it(`${match} permits what the draft says, and nothing else`, async () => {
      const scopes = scopesOfJson(`[[["publish"], ${match}]]`);
      const token = await signCat(key, { scopes, about: {} });
      const read = (await take(token)).terms?.scopes ?? new MoqtScopes([]);
      for (const one of permitted) assert.equal(read.permits("publish", target(one)), true, JSON.stringify(one));
      for (const one of prohibited) assert.equal(read.permits("publish", target(one)), false, JSON.stringify(one));
      assert.equal(read.permits("subscribe", target(permitted[0] ?? [[], ""])), false);
    });
  }

  it("count by the namespace alone where a message has no track", () => {
    const scopes = new MoqtScopes(scopesOfJson('[[["publish_namespace"], ["a", null], "video"]]'));
    assert.equal(scopes.permits("publish_namespace", { namespace: [bytes("a")] }), true);
    assert.equal(scopes.permits("publish_namespace", { namespace: [bytes("b")] }), false);
  });

  it("grant nothing by actions of later drafts", async () => {
    const { terms } = await take(await moqt([[[99, 4], [], [1, bytes("v")]]]));
    assert.deepEqual(terms?.scopes.scopes[0]?.actions, ["subscribe"]);
    assert.equal(terms?.scopes.permits("subscribe", { namespace: [bytes("x")], track: bytes("video") }), true);
    assert.equal(terms?.scopes.permits("subscribe", { namespace: [bytes("x")], track: bytes("audio") }), false);
  });

  it("lie under prefixes of paths up to the first match that is not exact, or no plain text", () => {
    const prefixes = (match: string) => new MoqtScopes(scopesOfJson(`[[["fetch"], ${match}]]`)).prefixes(["fetch"]);
    assert.deepEqual(prefixes('["a", "b", null]'), ["a/b"]);
    assert.deepEqual(prefixes('["a", ["prefix", "b"], "c"]'), ["a"]);
    assert.deepEqual(prefixes('["a/b", "c"]'), [""]);
    assert.deepEqual(prefixes('["a", ".."]'), ["a"]);
    assert.deepEqual(prefixes("[]"), [""]);
  });
});

describe("an authenticator", () => {
  const visitor = (token: string, path = "/") => ({ path, token, transport: "quic", loopback: false });

  it("grants a Common Access Token what its scopes permit, under the path of the URL", async () => {
    const { auth, clock } = await openAuth({ keyText: JSON.stringify(key.jwk) });
    const scopes = scopesOfJson('[[["client_setup"]], [["publish"], ["live", "a"]], [["subscribe"], ["live"]]]');
    const exp = NOW_SECONDS + 60;
    const token = await signCat(key, { scopes, about: { sub: "viewer", jti: "t1", exp } });
    const grant = await auth.admit(visitor(token, "/live"));
    assert.deepEqual([grant.publish, grant.subscribe, grant.tenant], [["live/a"], ["live"], "live"]);
    assert.deepEqual([grant.identity?.sub, grant.identity?.jti, grant.identity?.kid], ["viewer", "t1", "one"]);
    assert.equal(grant.cluster, false);
    assert.equal((await auth.admit(visitor(token))).tenant, "live");
    assert.deepEqual((await auth.admit(visitor(token, "/other"))).subscribe, []);
    await assert.rejects(auth.verifyAdmin(token), { code: "admin_required" });
    assert.equal(auth.check(grant), undefined);
    await auth.revoke({ jti: "t1" });
    assert.equal(auth.check(grant), "token_revoked");
    clock.advance(60_000);
    await assert.rejects(auth.admit(visitor(token)), { code: "token_expired" });
  });

  it("refuses a token that does not permit to open a session", async () => {
    const { auth } = await openAuth({ keyText: JSON.stringify(key.jwk) });
    const token = await signCat(key, { scopes: scopesOfJson('[[["subscribe"]]]'), about: {} });
    await assert.rejects(auth.admit(visitor(token)), { code: "action_not_granted", message: /CLIENT_SETUP/ });
  });

  it("refuses kinds of tokens that are not configured", async () => {
    const { auth } = await openAuth({ keyText: JSON.stringify(key.jwk), kinds: ["jwt"] });
    const token = await signCat(key, { scopes: ALL, about: {} });
    await assert.rejects(auth.admit(visitor(token)), { code: "token_kind_refused" });
  });

  it("ends a session whose token asks for revalidation when its issuer is no longer accepted", async () => {
    const { auth } = await openAuth({ keyText: JSON.stringify(key.jwk) });
    const grants = await Promise.all(
      [300, undefined].map(async (revalidate) =>
        auth.admit(visitor(await signCat(key, { scopes: ALL, about: { iss: "a" }, revalidate }))),
      ),
    );
    assert.deepEqual(
      grants.map((grant) => auth.check(grant)),
      [undefined, undefined],
    );
    const rules = { ...RULES, issuers: ["b"] };
    auth.setRules({ publicPublish: [], publicSubscribe: [], origins: [], rules, closeOnKeyRemoval: true });
    assert.deepEqual(
      grants.map((grant) => auth.check(grant)),
      ["token_revoked", undefined],
    );
  });
});
