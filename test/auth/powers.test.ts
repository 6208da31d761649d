/** The scope of a key bounds every power of the tokens that it signs, wherever the key comes from. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { beyondScope, type Key, KeyError, type KeyScope, publicJwk, type Visitor } from "../../auth/index.ts";
import { forged, generateKey, openAuth, signToken } from "./support.ts";

const folder = await mkdtemp(join(tmpdir(), "moqmesh-powers-"));
after(() => rm(folder, { recursive: true, force: true }));

const scope: KeyScope = { root: "tenant", put: ["a"], get: ["a"], cluster: false };
const tenant = await generateKey({ alg: "ES256", kid: "tenant", scope });
const mesh = await generateKey({ alg: "ES256", kid: "mesh", scope: { cluster: true } });

function visit(token: string, path = "/"): Visitor {
  return { path, token, transport: "webtransport", loopback: false };
}

/** One key by each way that keys come. */
async function sources(key: Key) {
  const jwk = publicJwk(key);
  const file = join(folder, `${key.kid}.jwk`);
  await writeFile(file, JSON.stringify(jwk));
  const answering = (body: unknown) => async () => new Response(JSON.stringify(body));
  const url = new URL("https://keys.example/");
  const keyUrl = { url, refreshMs: 300_000, cooldownMs: 30_000, keepMs: 3_600_000 };
  const api = { url, timeoutMs: 1_000, cacheMs: 0 };
  return [
    ["a key file", await openAuth({ keyFile: file })],
    ["a key URL", await openAuth({ keyUrl, fetch: answering({ keys: [jwk] }) })],
    ["the auth API", await openAuth({ api, fetch: answering({ key: jwk }) })],
    ["the auth API with an alias", await openAuth({ api, fetch: answering({ key: jwk, alias: "elsewhere" }) })],
  ] as const;
}

describe("a key that is scoped to one tenant", () => {
  const beyond: [claims: Record<string, unknown>, path?: string][] = [
    [{ cluster: true }],
    [{ cluster: true }, "/.moqmesh"],
    [{ root: "tenant", put: ["a"], get: ["a"], cluster: true }, "/tenant"],
    [{ root: "tenant", put: ["b"] }, "/tenant"],
    [{ root: "", get: [""] }],
    [{ root: "tenant", put: ["a"], get: [""] }, "/tenant"],
    [{ put: "other", root: "/tenant//" }, "/tenant"],
  ];
  it("grants what is within its scope and refuses each power beyond it, whatever source the key is from", async () => {
    for (const [what, { auth }] of await sources(tenant)) {
      const grant = await auth.admit(visit(await forged(tenant, { root: "tenant/a", get: "" }), "/tenant"));
      assert.equal(grant.cluster, false, what);
      for (const [claims, path] of beyond) {
        const token = await forged(tenant, claims);
        await assert.rejects(auth.admit(visit(token, path)), { code: "key_scope_exceeded" }, JSON.stringify(claims));
      }
      auth.close();
    }
  });

  it("signs no token beyond its scope", async () => {
    await assert.rejects(signToken(tenant, { cluster: true }), KeyError);
    await assert.rejects(signToken(tenant, { root: "tenant", put: ["a"], cluster: true }), KeyError);
  });
});

describe("a key whose scope is the mesh", () => {
  it("signs for relays and for no paths", async () => {
    for (const [, { auth }] of await sources(mesh)) {
      assert.equal((await auth.admit(visit(await signToken(mesh, { cluster: true })))).cluster, true);
      for (const claims of [{ get: [""] }, { put: ["a"], cluster: true }]) {
        await assert.rejects(auth.admit(visit(await forged(mesh, claims))), { code: "key_scope_exceeded" });
      }
      auth.close();
    }
  });
});

it("a power that has no rule is beyond every scope", () => {
  const most = { root: "", put: [""], get: [""], cluster: true };
  const asked = Object.assign({ ...most }, { record: true });
  assert.equal(beyondScope(most, most), undefined);
  assert.equal(beyondScope(most, asked), "record");
});

it("an unknown member in a scope makes the key unusable", async () => {
  const file = join(folder, "later.jwk");
  await writeFile(file, JSON.stringify({ ...publicJwk(tenant), scope: { ...scope, bitrate: 1 } }));
  await assert.rejects(openAuth({ keyFile: file }), /scope/);
});
