/** The revocation list: entries of this relay, with their file, and those of other relays of the mesh. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import { publicJwk, type Revocation } from "../../auth/index.ts";
import { generateKey, NOW_SECONDS, openAuth, signToken } from "./support.ts";

const folder = await mkdtemp(join(tmpdir(), "moqmesh-revocations-"));
after(() => rm(folder, { recursive: true, force: true }));
const key = await generateKey({ alg: "ES256", kid: "k" });
const keyFile = join(folder, "k.jwk");
await writeFile(keyFile, JSON.stringify(publicJwk(key)));
const token = await signToken(key, { get: "", jti: "t1", sub: "ann" });
let files = 0;

async function opened(entries: readonly Revocation[] = []) {
  const revocationFile = join(folder, `${files++}.json`);
  await writeFile(revocationFile, JSON.stringify(entries));
  const own: string[] = [];
  const ownRevocation = (entry: Revocation, inForce: boolean) =>
    void own.push(`${inForce ? "+" : "-"}${JSON.stringify(entry)}`);
  const one = await openAuth({ keyFile, revocationFile, ownRevocation });
  after(() => one.auth.close());
  const admitted = async () => {
    const visit = one.auth.admit({ path: "/", token, transport: "webtransport", loopback: false });
    return await visit.then(
      () => "admitted",
      ({ code }: { code: string }) => code,
    );
  };
  const inFile = async (): Promise<unknown> => JSON.parse(await readFile(revocationFile, "utf8"));
  return { ...one, own, admitted, inFile, revocationFile };
}

it("an entry that is removed leaves the list and the file, and what else is in the file stays", async () => {
  const one = await opened([{ jti: "t1" }, { kid: "other" }]);
  assert.equal(await one.admitted(), "token_revoked");
  assert.equal(await one.auth.restore({ jti: "t1" }), true);
  assert.equal(await one.admitted(), "admitted");
  assert.deepEqual(await one.inFile(), [{ kid: "other" }]);
  assert.equal(await one.auth.restore({ jti: "t1" }), false);
  assert.deepEqual(one.own, ['+{"jti":"t1"}', '+{"kid":"other"}', '-{"jti":"t1"}']);
});

it("an entry ends at its `until`, at the latest a minute later for the mesh", async () => {
  const one = await opened();
  await one.auth.revoke({ sub: "ann", until: NOW_SECONDS + 90 });
  assert.equal(await one.admitted(), "token_revoked");
  one.clock.advance(90_000);
  assert.equal(await one.admitted(), "admitted");
  assert.deepEqual([...one.auth.listRevocations()], []);
  one.clock.advance(60_000);
  assert.deepEqual(one.own.at(-1), `-{"sub":"ann","until":${NOW_SECONDS + 90}}`);
});

it("an entry of another relay counts until the last relay that made it ends it", async () => {
  const one = await opened();
  const before = one.changes();
  one.auth.learnRevocation("edge-1/x", { jti: "t1" }, "edge-1");
  one.auth.learnRevocation("edge-2/x", { jti: "t1" }, "edge-2");
  assert.equal(one.changes() - before, 2, "sessions are checked");
  one.auth.unlearnRevocation("edge-1/x");
  assert.equal(await one.admitted(), "token_revoked");
  assert.deepEqual([...one.auth.listRevocations()], [{ entry: { jti: "t1" }, from: "edge-2" }]);
  one.auth.unlearnRevocation("edge-2/x");
  assert.equal(await one.admitted(), "admitted");
  assert.deepEqual([one.own, await one.inFile()], [[], []], "it is not written here");
});

it("an entry of this relay that the mesh announces back is listed once", async () => {
  const one = await opened([{ jti: "t1" }]);
  one.auth.learnRevocation("here/x", { jti: "t1" }, "here");
  assert.deepEqual([...one.auth.listRevocations()], [{ entry: { jti: "t1" }, from: undefined }]);
});
