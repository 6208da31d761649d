/** Proofs that a client has the key to which its Common Access Token is bound. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { SignJWT } from "jose";
import { makeSigned, writeCbor } from "../../auth/cat/cose.ts";
import { generateKey, isProof, type Key, publicJwk, scopesOfJson, signCat, signProof } from "../../auth/index.ts";
import { signerOf } from "../../auth/keys/index.ts";
import { NOW_SECONDS, type OpenedAuth, openAuth } from "./support.ts";

const issuer = await generateKey({ alg: "ES256", kid: "issuer" });
const client = await generateKey({ alg: "ES256", kid: "client" });
const scopes = scopesOfJson('[[["client_setup", "subscribe", "publish"], ["live"]]]');
const token = await signCat(issuer, { scopes, about: {}, bind: client });
const open = (options = {}) => openAuth({ keyText: JSON.stringify(issuer.jwk), ...options });
const SETUP = { token, action: "client_setup", iat: NOW_SECONDS } as const;
const hash = (of: string | Uint8Array) => createHash("sha256").update(of);

const admit = async ({ auth }: OpenedAuth, proof: string | undefined, presented = token) =>
  await auth.admit({ path: "/", token: presented, proof, transport: "quic", loopback: false });

/** A proof that our own maker would not make. */
async function made(
  { header = {}, claims = {}, actx = {} }: { header?: object; claims?: object; actx?: object },
  by: Key = client,
): Promise<string> {
  const { kid: _, key_ops: _ops, ...jwk } = publicJwk(by);
  const body = {
    jti: "one",
    iat: NOW_SECONDS,
    actx: { type: "moqt", action: "SETUP", ...actx },
    ath: hash(token).digest("base64url"),
    ...claims,
  };
  return await new SignJWT(body)
    .setProtectedHeader({ typ: "dpop-proof+jwt", alg: by.alg, jwk, ...header })
    .sign(await signerOf(by));
}

/** A proof as a CBOR Web Token. */
async function cborProof(header: Map<number, unknown>, key: Key = client, at = NOW_SECONDS): Promise<string> {
  const claims = new Map<number, unknown>([
    [7, Buffer.from("cti-1")],
    [6, at],
    [
      400,
      new Map<number, unknown>([
        [0, "moqt"],
        [1, "SETUP"],
        [2, ""],
      ]),
    ],
    [402, hash(Buffer.from(token, "base64url")).digest()],
  ]);
  return Buffer.from(await makeSigned({ ...key, kid: undefined }, header, writeCbor(claims))).toString("base64url");
}
const coordinate = (name: "x" | "y") => Buffer.from(String(client.jwk[name]), "base64url");
const coseKey = () =>
  new Map<number, unknown>([
    [1, 2],
    [-1, 1],
    [-2, coordinate("x")],
    [-3, coordinate("y")],
  ]);
const cborHeader = () =>
  new Map<number, unknown>([
    [16, "dpop-proof+cwt"],
    [4, coseKey()],
  ]);

describe("a token that is bound to a key", () => {
  it("is accepted with a proof of that key, once", async () => {
    const opened = await open();
    const proof = await signProof(client, SETUP);
    assert.deepEqual((await admit(opened, proof)).subscribe, ["live"]);
    await assert.rejects(admit(opened, proof), { code: "proof_invalid", message: /used before/ });
    await admit(opened, await signProof(client, SETUP));
    opened.clock.advance(61_000);
    await assert.rejects(admit(opened, proof), { code: "proof_invalid", message: /older than 60 s/ });
  });

  it("is refused without a proof", async () => {
    await assert.rejects(admit(await open(), undefined), { code: "proof_missing" });
  });

  it("is accepted with a proof in CBOR, whose hash is over the bytes of the token", async () => {
    const opened = await open();
    await admit(opened, await cborProof(cborHeader()));
    await assert.rejects(admit(opened, await cborProof(cborHeader())), { message: /used before/ });
  });

  it("may name the COSE thumbprint of its key", async () => {
    const thumbprint = hash(writeCbor(coseKey())).digest();
    const claims = new Map<number, unknown>([
      [327, [[[0, 4]]]],
      [8, new Map([[5, new Uint8Array(thumbprint)]])],
    ]);
    const bound = Buffer.from(await makeSigned(issuer, new Map(), writeCbor(claims))).toString("base64url");
    const opened = await open();
    await admit(opened, await signProof(client, { ...SETUP, token: bound }), bound);
    const other = await generateKey({ alg: "ES256" });
    await assert.rejects(
      admit(opened, await signProof(other, { ...SETUP, token: bound }), bound),
      /not that of the token/,
    );
  });

  for (const alg of ["ES384", "EdDSA", "PS256", "RS256"] as const) {
    it(`may be bound to a key of ${alg}`, async () => {
      const own = await generateKey({ alg });
      const bound = await signCat(issuer, { scopes, about: {}, bind: own });
      await admit(await open(), await signProof(own, { ...SETUP, token: bound }), bound);
    });
  }

  const hmac = async () => {
    const secret = await generateKey({ alg: "HS256" });
    return await new SignJWT({})
      .setProtectedHeader({ typ: "dpop-proof+jwt", alg: "HS256" })
      .sign(await signerOf(secret));
  };
  const table: [what: string, why: RegExp, proof: () => string | Promise<string>][] = [
    ["of another key", /not that of the token/, async () => signProof(await generateKey({ alg: "ES256" }), SETUP)],
    ["of another token", /`ath`/, () => signProof(client, { ...SETUP, token: `${token}A` })],
    ["without `ath`", /`ath`/, () => made({ claims: { ath: undefined } })],
    ["without `jti`", /`jti`/, () => made({ claims: { jti: undefined } })],
    ["of another protocol", /type moqt/, () => made({ actx: { type: "http" } })],
    ["of another action", /for the action SETUP/, () => made({ actx: { action: "SUBSCRIBE" } })],
    ["of a namespace", /`tns`/, () => made({ actx: { tns: "live" } })],
    ["of a track", /`tn`/, () => made({ actx: { tn: "video" } })],
    ["of another resource", /`resource`/, () => made({ actx: { resource: "moqt://relay?tns=live" } })],
    ["of a resource of HTTP", /`resource`/, () => made({ actx: { resource: "https://relay/" } })],
    ["of an hour ago", /older than/, () => made({ claims: { iat: NOW_SECONDS - 3_600 } })],
    ["of the future", /future/, () => made({ claims: { iat: NOW_SECONDS + 60 } })],
    ["of HTTP", /`typ`/, () => made({ header: { typ: "dpop+jwt" } })],
    ["with a private key", /public key/, () => made({ header: { jwk: client.jwk } })],
    ["without a key", /public key/, () => made({ header: { jwk: undefined } })],
    ["by a secret", /public key/, hmac],
    ["in CBOR without a key", /no key/, () => cborProof(new Map([[16, "dpop-proof+cwt"]]))],
    [
      "in CBOR of the type of JWTs",
      /`typ`/,
      () =>
        cborProof(
          new Map<number, unknown>([
            [16, "dpop-proof+jwt"],
            [4, coseKey()],
          ]),
        ),
    ],
    [
      "with a signature of another key",
      /signature is wrong/,
      async () => made({ header: { jwk: publicJwk(client) } }, await generateKey({ alg: "ES256" })),
    ],
    ["that is no token at all", /malformed/, () => "nothing"],
    ["longer than 8 KiB", /longer than/, () => "a".repeat(8_193)],
  ];
  for (const [what, message, proof] of table) {
    it(`is refused with a proof ${what}`, async () => {
      await assert.rejects(admit(await open(), await proof()), { code: "proof_invalid", message });
    });
  }

  it("may allow proofs to be used again, and say how old they may be", async () => {
    const settings = new Map([
      [0, 600],
      [1, 0],
    ]);
    const thumbprint = new Uint8Array(
      hash(JSON.stringify({ crv: "P-256", kty: "EC", x: client.jwk["x"], y: client.jwk["y"] })).digest(),
    );
    const claims = new Map<number, unknown>([
      [327, [[[0, 4]]]],
      [8, new Map([[323, thumbprint]])],
      [321, settings],
    ]);
    const bound = Buffer.from(await makeSigned(issuer, new Map(), writeCbor(claims))).toString("base64url");
    const opened = await open();
    const proof = await signProof(client, { ...SETUP, token: bound });
    await admit(opened, proof, bound);
    opened.clock.advance(599_000);
    await admit(opened, proof, bound);
    opened.clock.advance(2_000);
    await assert.rejects(admit(opened, proof, bound), /older than 600 s/);
  });
});

describe("a request with tokens of its own", () => {
  const bytes = (text: string) => new Uint8Array(Buffer.from(text));
  const target = { namespace: [bytes("live"), bytes("a.b")], track: bytes("video") };
  const cat = { type: 1, value: new Uint8Array(Buffer.from(token, "base64url")) };
  const ask = async ({ auth }: OpenedAuth, tokens: { type: number; value: Uint8Array }[]) =>
    await auth.admitRequest({ tokens, path: "/", transport: "quic", action: "subscribe", target });
  const proofOf = async (about: object = {}) => ({
    type: 0,
    value: bytes(await signProof(client, { ...SETUP, action: "subscribe", target, ...about })),
  });

  it("is granted what its token permits, with a proof for this request", async () => {
    const opened = await open();
    const grant = await ask(opened, [await proofOf(), cat]);
    assert.equal(grant?.moqt?.scopes.permits("subscribe", target), true);
    await assert.rejects(ask(opened, [cat]), { code: "proof_missing" });
    const setup = { type: 0, value: bytes(await signProof(client, SETUP)) };
    await assert.rejects(ask(opened, [setup, cat]), { code: "proof_invalid", message: /for the action SUBSCRIBE/ });
    const other = await proofOf({ target: { ...target, track: bytes("audio") } });
    await assert.rejects(ask(opened, [other, cat]), { code: "proof_invalid", message: /`tn`/ });
  });

  it("names fields of bytes in its proof as moq-transport writes them", async () => {
    const opened = await open();
    const actx = { action: "SUBSCRIBE", tns: "live-a.2eb", tn: "video" };
    await ask(opened, [{ type: 0, value: bytes(await made({ actx })) }, cat]);
  });

  it("is refused with several tokens, and with a proof alone; tokens of unknown types are ignored", async () => {
    const opened = await open();
    const jwt = { type: 0, value: bytes("a.b.c") };
    await assert.rejects(ask(opened, [cat, jwt]), { code: "token_malformed" });
    await assert.rejects(ask(opened, [await proofOf()]), { code: "token_missing" });
    assert.equal(await ask(opened, [{ type: 2, value: bytes("a") }]), undefined);
    await assert.rejects(ask(opened, [{ type: 1, value: new Uint8Array(9_000) }]), { code: "token_too_large" });
  });

  it("is refused where the token does not have the action", async () => {
    const { auth } = await open();
    const plain = await signCat(issuer, { scopes: scopesOfJson('[[["fetch"]]]'), about: {} });
    const tokens = [{ type: 1, value: bytes(plain) }];
    await assert.rejects(auth.admitRequest({ tokens, path: "/", transport: "quic", action: "subscribe", target }), {
      code: "action_not_granted",
    });
    const grant = await auth.admitRequest({ tokens, path: "/", transport: "quic", action: "fetch", target });
    assert.equal(grant?.moqt?.scopes.permits("fetch", target), true);
  });

  it("tells tokens and proofs apart by their type", async () => {
    assert.equal(isProof(await signProof(client, SETUP)), true);
    assert.equal(isProof(await cborProof(cborHeader())), true);
    for (const text of [token, "a.b.c", "", "0oQ"]) assert.equal(isProof(text), false);
  });
});
