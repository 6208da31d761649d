/** Tokens for the admin API: the `admin` claim, and nothing else, grants it. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import { type Key, KeyError, publicJwk } from "../../auth/index.ts";
import { forged, generateKey, NOW, NOW_SECONDS, openAuth, signToken } from "./support.ts";

const folder = await mkdtemp(join(tmpdir(), "moqmesh-admin-"));
after(() => rm(folder, { recursive: true, force: true }));

const plain = await generateKey({ alg: "ES256", kid: "plain" });
const tenant = await generateKey({ alg: "ES256", kid: "tenant", scope: { root: "acme", put: [""], get: [""] } });
const everything = { root: "", put: [""], get: [""], cluster: true };
const paths = await generateKey({ alg: "ES256", kid: "paths", scope: everything });
const reader = await generateKey({ alg: "ES256", kid: "reader", scope: { admin: "read" } });
const writer = await generateKey({ alg: "ES256", kid: "writer", scope: { admin: "write" } });

async function opened(...keys: readonly Key[]) {
  const file = join(folder, `${keys.map(({ kid }) => kid).join("-")}.jwk`);
  await writeFile(file, JSON.stringify({ keys: keys.map(publicJwk) }));
  const one = await openAuth({ keyFile: file });
  after(() => one.auth.close());
  return one;
}

it("a token with the claim has its right, and its owner is known", async () => {
  const { auth } = await opened(plain);
  const token = await signToken(plain, { admin: "write", sub: "ann", jti: "t1", exp: NOW_SECONDS + 60 });
  const owner = { subject: "ann", id: "t1", keyId: "plain" };
  assert.deepEqual(await auth.verifyAdmin(token), { right: "write", ...owner, expiresAt: NOW + 60_000 });
  const { right } = await auth.verifyAdmin(await signToken(plain, { admin: "read" }));
  assert.equal(right, "read");
});

it("no other claim grants a right at the admin API", async () => {
  const { auth } = await opened(plain);
  for (const claims of [{ cluster: true }, { put: [""], get: [""] }, { ...everything, sub: "admin" }]) {
    await assert.rejects(auth.verifyAdmin(await signToken(plain, claims)), { code: "admin_required" });
  }
});

it("the claim grants nothing of MoQ", async () => {
  const { auth } = await opened(plain);
  const visit = { path: "/", transport: "webtransport", loopback: true };
  const token = await signToken(plain, { admin: "write" });
  await assert.rejects(auth.admit({ ...visit, token }), { code: "path_not_granted" });
  const both = await auth.admit({ ...visit, token: await signToken(plain, { admin: "write", get: "live" }) });
  assert.deepEqual([both.publish, both.subscribe, both.cluster], [[], ["live"], false]);
});

it("a value that is not a right makes the token invalid", async () => {
  const { auth } = await opened(plain);
  for (const admin of [true, "", "Write", "all", 1, ["write"], null]) {
    const token = await forged(plain, { ...everything, admin });
    await assert.rejects(auth.verifyAdmin(token), { code: "claims_invalid" }, JSON.stringify(admin));
  }
});

it("a key signs for the admin API only as far as its scope says", async () => {
  const { auth } = await opened(tenant, paths, reader, writer);
  const right = async (key: Key, admin: string) => (await auth.verifyAdmin(await forged(key, { admin }))).right;
  assert.equal(await right(reader, "read"), "read");
  assert.equal(await right(writer, "read"), "read");
  assert.equal(await right(writer, "write"), "write");
  for (const [key, admin] of [
    [reader, "write"],
    [tenant, "read"],
    [paths, "read"],
    [paths, "write"],
  ] as const) {
    await assert.rejects(right(key, admin), { code: "key_scope_exceeded" }, `${key.kid} ${admin}`);
    await assert.rejects(signToken(key, { admin }), KeyError, `${key.kid} ${admin}`);
  }
  const beyond = await forged(writer, { admin: "write", get: [""] });
  await assert.rejects(auth.verifyAdmin(beyond), { code: "key_scope_exceeded" });
});

it("a revoked, expired or forged token has no right", async () => {
  const { auth, clock } = await opened(plain);
  const token = await signToken(plain, { admin: "write", jti: "lost", exp: NOW_SECONDS + 60 });
  await auth.verifyAdmin(token);
  const other = await generateKey({ alg: "ES256", kid: "plain" });
  const stolen = await signToken(other, { admin: "write" });
  await assert.rejects(auth.verifyAdmin(stolen), { code: "signature_invalid" });
  await auth.revoke({ jti: "lost" });
  await assert.rejects(auth.verifyAdmin(token), { code: "token_revoked" });
  clock.advance(60_000);
  await assert.rejects(auth.verifyAdmin(token), { code: "token_expired" });
});

it("a relay without keys verifies no token for the admin API", async () => {
  const { auth } = await openAuth();
  after(() => auth.close());
  await assert.rejects(auth.verifyAdmin(await signToken(plain, { admin: "read" })), { code: "key_unknown" });
});
