/** Keys and revocations in the admin API, and how a revocation of another relay is removed. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { patient } from "../../scripts/suite/patience.ts";
import { nodesAt, Stage } from "../mesh/support/stage.ts";
import { ADMIN_SECRET } from "../support/admin.ts";
import { TestKey } from "../support/keys.ts";
import { withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { ask, codeOf, itemsOf } from "./support.ts";

describe("keys", () => {
  it("are listed with source and scope, and no answer has their material", async () => {
    const key = await TestKey.make("shared", { alg: "HS256", scope: { root: "acme", get: [""], admin: "read" } });
    await withRelay({ "auth.key_dir": key.folder }, async (relay) => {
      const listed = await ask(relay, "GET", "/keys");
      const scope = { root: "acme", put: [], get: [""], cluster: false, admin: "read" };
      const source = `the key folder ${key.folder}`;
      assert.deepEqual(itemsOf(listed), [{ id: "shared", algorithms: ["HS256"], holds: "secret", source, scope }]);
      const secret = String(key.key.jwk["k"]);
      assert.ok((await readFile(key.file, "utf8")).includes(secret));
      assert.ok(!JSON.stringify(listed).includes(secret));
    });
    await key.remove();
  });
});

describe("revocations", () => {
  it("are added, listed and removed, and a removed one is accepted again", async () => {
    const key = await TestKey.make("k");
    const token = await key.token({ get: "", jti: "t1" });
    await withRelay({ "auth.key_dir": key.folder }, async (relay) => {
      const allowed = async () => {
        const { body } = await fetch(relay.at("http", `/access?jwt=${token}`)).then(async (answer) => ({
          body: JSON.parse(await answer.text()),
        }));
        return body.allowed;
      };
      assert.equal(await allowed(), true);
      await ask(relay, "POST", "/revocations", { jti: "t1", until: 4_000_000_000 });
      assert.deepEqual(itemsOf(await ask(relay, "GET", "/revocations")), [{ jti: "t1", until: 4_000_000_000 }]);
      assert.equal(await allowed(), false);
      assert.equal(codeOf(await ask(relay, "DELETE", "/revocations?sub=t1")), "no_such_revocation");
      assert.equal(codeOf(await ask(relay, "DELETE", "/revocations?sub=a&jti=t1")), "no_such_revocation");
      assert.equal((await ask(relay, "GET", "/revocations")).body["total"], 1, "none was removed");
      assert.equal((await ask(relay, "DELETE", "/revocations?jti=t1")).status, 200);
      assert.equal((await ask(relay, "GET", "/revocations")).body["total"], 0);
      assert.equal(await allowed(), true);
    });
    await key.remove();
  });

  it("of another relay of the mesh are listed with its name, and removed there", {
    timeout: patient(60_000),
  }, async () => {
    const stage = await Stage.open();
    try {
      const root = await stage.relay("root-1", "root");
      const edge = await stage.relay("edge-1", "edge", { "cluster.root": root.url });
      await until(() => nodesAt(root).filter(({ present }) => present).length === 2);
      const at = async ({ relay }: typeof root, method: string, query = "", body?: object) => {
        const answer = await fetch(`http://127.0.0.1:${relay.adminAddress?.port}/api/v1/revocations${query}`, {
          method,
          headers: { Authorization: `Bearer ${ADMIN_SECRET}`, "Content-Type": "application/json" },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        return { status: answer.status, text: await answer.text() };
      };
      await at(edge, "POST", "", { sub: "ann" });
      await until(async () => (await at(root, "GET")).text.includes('{"sub":"ann","from":"edge-1"}'));
      const refused = await at(root, "DELETE", "?sub=ann");
      assert.equal(refused.status, 409);
      assert.match(refused.text, /edge-1: remove it there/);
      assert.equal((await at(edge, "DELETE", "?sub=ann")).status, 200);
      await until(async () => (await at(root, "GET")).text.includes('"total":0'));
    } finally {
      await stage.close();
    }
  });
});
