/** Keys are added, removed and saved through the admin API. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { generateKey, type Key, publicJwk, signToken } from "../../auth/index.ts";
import { connect } from "../../relay/client/index.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { ask, codeOf, itemsOf } from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "moqmesh-keys-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const one = await generateKey({ alg: "ES256", kid: "one" });
const two = await generateKey({ alg: "ES256", kid: "two" });
const secret = await generateKey({ alg: "HS256", kid: "shared" });

const open = (key: Key) => JSON.stringify(publicJwk(key));
let folders = 0;

/** A folder of keys with that of `one`. */
function keysFolder(): string {
  const made = mkdtempSync(join(folder, String(folders++)));
  writeFileSync(join(made, "one.jwk"), open(one));
  return made;
}

const add = (relay: TestRelay, key: string, kid?: string) =>
  ask(relay, "POST", "/keys", { key, ...(kid !== undefined && { kid }) });
const remove = (relay: TestRelay, kid: string, query = "") => ask(relay, "DELETE", `/keys/${kid}${query}`);
const tokenOf = (key: Key) => signToken(key, { root: "live", get: [""], exp: 4_000_000_000 });

async function accepted(relay: TestRelay, key: Key): Promise<boolean> {
  const answer: unknown = await (await fetch(relay.at("http", `/access/live?jwt=${await tokenOf(key)}`))).json();
  return JSON.stringify(answer).includes('"allowed":true');
}

/** A viewer that came by `key`. */
async function viewer(relay: TestRelay, key: Key) {
  const active = relay.counters.sessionsActive;
  const url = relay.at("ws", `/live?jwt=${await tokenOf(key)}`);
  const session = await connect(url, { trust: { kind: "system" }, timeoutMs: 5_000 });
  await until(() => relay.counters.sessionsActive === active + 1);
  return session;
}

async function listed(relay: TestRelay) {
  const { body } = await ask(relay, "GET", "/keys");
  const keys = itemsOf({ status: 200, body }).map(
    ({ id, source }) => `${id} ${source === undefined ? "added" : "file"}`,
  );
  return { keys, unsaved: body["unsaved"] };
}

describe("keys in the admin API", () => {
  it("verify tokens at once when they are added, and no longer when they are removed", async () => {
    const dir = keysFolder();
    await withRelay({ "auth.key_dir": dir }, async (relay) => {
      assert.equal(await accepted(relay, two), false);
      const answer = await add(relay, open(two));
      const row = { id: "two", algorithms: ["ES256"], holds: "public" };
      assert.deepEqual([answer.status, answer.body], [200, { added: row, needs_kid: true }]);
      assert.equal(await accepted(relay, two), true);
      assert.deepEqual((await add(relay, JSON.stringify(secret.jwk))).body["needs_kid"], false);
      assert.equal(await accepted(relay, secret), true);
      assert.deepEqual(await listed(relay), {
        keys: ["two added", "shared added", "one file"],
        unsaved: [
          { id: "two", change: "added" },
          { id: "shared", change: "added" },
        ],
      });
      assert.equal((await remove(relay, "shared")).status, 200);
      assert.equal((await remove(relay, "one")).status, 200);
      assert.equal(await accepted(relay, secret), false);
      assert.equal(await accepted(relay, one), false);
      assert.deepEqual((await listed(relay)).unsaved, [
        { id: "two", change: "added" },
        { id: "one", change: "removed" },
      ]);
      assert.deepEqual(readdirSync(dir), ["one.jwk"], "nothing is written before it is asked for");
      assert.equal((await add(relay, open(one))).status, 200, "a removed key may come back");
      assert.equal(await accepted(relay, one), true);
    });
  });

  it("count at the admin API as well", async () => {
    const admin = await generateKey({ alg: "ES256", kid: "ops" });
    await withRelay({ "auth.key_dir": keysFolder() }, async (relay) => {
      const as = { Authorization: `Bearer ${await signToken(admin, { admin: "write", exp: 4_000_000_000 })}` };
      assert.equal((await ask(relay, "GET", "/keys", undefined, as)).status, 401);
      await add(relay, open(admin));
      assert.equal((await ask(relay, "GET", "/keys", undefined, as)).status, 200);
    });
  });

  for (const [sessions, setting, closed] of [
    ["close", "keep", 1],
    ["keep", "close", 0],
    [undefined, "close", 1],
    [undefined, "keep", 0],
  ] as const) {
    it(`that are removed: sessions=${sessions} with on_key_removed = "${setting}" ends ${closed} of 1`, async () => {
      const settings = { "auth.key_dir": keysFolder(), "auth.on_key_removed": setting };
      await withRelay(settings, async (relay) => {
        await add(relay, open(two));
        const theirs = await viewer(relay, two);
        const other = await viewer(relay, one);
        const query = sessions === undefined ? "" : `?sessions=${sessions}`;
        const answer = await remove(relay, "two", query);
        assert.deepEqual(answer.body, { removed: "two", sessions: 1, closed });
        await until(() => relay.counters.sessionsActive === 2 - closed);
        assert.equal(await accepted(relay, two), false);
        // A reload checks the sessions again, and knows what was asked.
        assert.deepEqual((await relay.reload({ "auth.file_keep": "11m" })).failed, {});
        const { body } = await ask(relay, "GET", "/sessions?kid=two");
        assert.equal(body["total"], 1 - closed);
        await Promise.all([theirs.close(), other.close()]);
      });
    });
  }

  it("are saved into the folder of keys, and removed there", async () => {
    const dir = keysFolder();
    await withRelay({ "auth.key_dir": dir }, async (relay) => {
      await add(relay, open(two));
      await add(relay, JSON.stringify(secret.jwk));
      await remove(relay, "one");
      const saved = await ask(relay, "POST", "/keys/save");
      const files = ["one.jwk", "two.jwk", "shared.jwk"].map((name) => join(dir, name));
      assert.deepEqual([saved.status, saved.body], [200, { saved: 3, files, left: [] }]);
      assert.deepEqual(readdirSync(dir), ["shared.jwk", "two.jwk"]);
      assert.equal(statSync(join(dir, "shared.jwk")).mode & 0o777, 0o600);
      assert.deepEqual(await listed(relay), { keys: ["shared file", "two file"], unsaved: [] });
      assert.equal(await accepted(relay, two), true);
      // The file counts now: without it the key is gone.
      rmSync(join(dir, "two.jwk"));
      await until(async () => !(await accepted(relay, two)));
    });
    await withRelay({ "auth.key_dir": dir }, async (relay) => assert.equal(await accepted(relay, secret), true));
  });

  it("are saved into the file of keys, whose other keys stay, also those that the relay cannot use", async () => {
    const file = join(keysFolder(), "keys.json");
    const foreign = { kty: "oct", kid: "foreign", k: "AAAA", alg: "HS256" };
    writeFileSync(file, JSON.stringify({ keys: [publicJwk(one), foreign] }), { mode: 0o640 });
    await withRelay({ "auth.key_file": file }, async (relay) => {
      await add(relay, open(two));
      await remove(relay, "one");
      assert.equal((await ask(relay, "POST", "/keys/save")).status, 200);
      assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), { keys: [foreign, publicJwk(two)] });
      assert.equal(statSync(file).mode & 0o777, 0o640);
      assert.deepEqual(await listed(relay), { keys: ["two file"], unsaved: [] });
      assert.deepEqual([await accepted(relay, two), await accepted(relay, one)], [true, false]);
    });
  });

  it("that cannot be saved say why, and stay in use", async () => {
    await withRelay({ "auth.key": open(one) }, async (relay) => {
      await add(relay, open(two));
      await remove(relay, "one");
      const answer = await ask(relay, "POST", "/keys/save");
      assert.deepEqual([answer.status, codeOf(answer)], [409, "no_place_for_keys"]);
      assert.match(JSON.stringify(answer.body), /one: it comes from the key of \[auth\] key.*two: .*key_dir/);
      assert.deepEqual([await accepted(relay, two), await accepted(relay, one)], [true, false]);
    });
    const pem = join(keysFolder(), "key.pem");
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
    writeFileSync(pem, pair.publicKey.export({ format: "pem", type: "spki" }));
    const broken = keysFolder();
    await withRelay({ "auth.key_dir": broken }, async (relay) => {
      await add(relay, open(two));
      rmSync(broken, { recursive: true });
      const answer = await ask(relay, "POST", "/keys/save");
      assert.deepEqual([answer.status, codeOf(answer)], [409, "keys_not_saved"]);
      assert.equal(await accepted(relay, two), true);
    });
    await withRelay({ "auth.key_file": pem, "auth.key_dir": keysFolder() }, async (relay) => {
      // Nothing of the PEM file has a name, so it cannot be removed either.
      assert.equal(codeOf(await remove(relay, "pem")), "no_such_key");
    });
    // Part of it: the folder has no file for such a name.
    const dir = keysFolder();
    await withRelay({ "auth.key_dir": dir }, async (relay) => {
      const named = await generateKey({ alg: "ES256", kid: "x" });
      await add(relay, JSON.stringify({ ...publicJwk(named), kid: "a/b c" }));
      await add(relay, open(two));
      const { body } = await ask(relay, "POST", "/keys/save");
      const why = "this `kid` cannot be the name of a file in the folder of keys";
      assert.deepEqual(body, { saved: 1, files: [join(dir, "two.jwk")], left: [{ id: "a/b c", why }] });
      assert.equal((await remove(relay, encodeURIComponent("a/b c"))).status, 200);
    });
  });

  it("that are not saved survive reloads, whose report names them, and an edited file with the same `kid`", async () => {
    const dir = keysFolder();
    const another = await generateKey({ alg: "ES256", kid: "two" });
    await withRelay({ "auth.key_dir": dir }, async (relay) => {
      await add(relay, open(two));
      await remove(relay, "one");
      const expected = [
        { kind: "key", name: "two", change: "set" },
        { kind: "key", name: "one", change: "removed" },
      ];
      // The second one opens the folder again, because a setting of the keys has changed.
      for (const settings of [{}, { "auth.file_keep": "11m" }]) {
        assert.deepEqual((await relay.reload(settings)).unsaved, expected);
        assert.deepEqual([await accepted(relay, two), await accepted(relay, one)], [true, false]);
      }
      assert.deepEqual((await ask(relay, "POST", "/reload")).body["unsaved"], expected);
      const lines = relay.entries.filter(({ msg }) => String(msg).includes("set through the admin API and not saved"));
      assert.deepEqual(lines.at(-1)?.["changes"], ["key two set", "key one removed"]);
      writeFileSync(join(dir, "two.jwk"), open(another));
      await until(() => relay.entries.some(({ msg }) => String(msg).includes('its key "two" is not used')));
      assert.deepEqual([await accepted(relay, two), await accepted(relay, another)], [true, false]);
      assert.equal((await remove(relay, "two", "?force=true")).status, 200);
      assert.equal(await accepted(relay, another), true);
    });
  });

  it("are refused with codes, and nothing changes", async () => {
    const dir = keysFolder();
    await withRelay({ "auth.key_dir": dir }, async (relay) => {
      const before = await listed(relay);
      await ask(relay, "POST", "/revocations", { kid: "gone" });
      const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "jwk" });
      const pem = generateKeyPairSync("ed25519").publicKey.export({ format: "pem", type: "spki" });
      for (const [key, status, code] of [
        ["no key", 422, "key_malformed"],
        [JSON.stringify({ ...publicJwk(two), x: "AAAA" }), 422, "key_malformed"],
        [JSON.stringify({ keys: [publicJwk(two), publicJwk(one)] }), 422, "key_malformed"],
        [JSON.stringify({ ...publicJwk(two), alg: "ES512" }), 422, "algorithm_unknown"],
        [JSON.stringify({ ...publicJwk(two), alg: "none" }), 422, "algorithm_unknown"],
        [JSON.stringify({ kty: "AKP", kid: "x" }), 422, "algorithm_unknown"],
        [JSON.stringify({ kty: "oct", kid: "x", alg: "HS256", k: "AAAA" }), 422, "key_weak"],
        [JSON.stringify({ ...rsa, kid: "x" }), 422, "key_weak"],
        [JSON.stringify({ ...publicJwk(two), use: "enc" }), 422, "key_unfit"],
        [JSON.stringify(two.jwk), 422, "key_private"],
        [String(pem), 422, "kid_missing"],
        [JSON.stringify({ ...publicJwk(two), kid: "." }), 422, "kid_unfit"],
        [JSON.stringify({ ...publicJwk(two), kid: ".." }), 422, "kid_unfit"],
        [JSON.stringify({ ...publicJwk(two), kid: "one" }), 409, "kid_taken"],
        [JSON.stringify({ ...publicJwk(two), kid: "gone" }), 409, "kid_revoked"],
      ] as const) {
        const answer = await add(relay, key);
        assert.deepEqual([answer.status, codeOf(answer)], [status, code], key);
      }
      for (const [kid, query, status, code] of [
        ["nobody", "", 404, "no_such_key"],
        ["one", "", 409, "last_key"],
        ["one", "?sessions=some", 400, "bad_request"],
      ] as const) {
        const answer = await remove(relay, kid, query);
        assert.deepEqual([answer.status, codeOf(answer)], [status, code], kid + query);
      }
      assert.deepEqual(await listed(relay), before);
      assert.equal((await add(relay, String(pem), "pem")).status, 200, "PEM gets its name from the request");
      assert.equal((await ask(relay, "POST", "/keys", { key: pem }, { Authorization: "" })).status, 401);
      await remove(relay, "pem");
      assert.equal((await remove(relay, "one", "?force=true")).status, 200);
      assert.equal(await accepted(relay, one), false, "a relay whose last key was removed accepts no token");
    });
  });

  it("of a URL are not removed here, and a relay whose API decides has none", async () => {
    const { createServer } = await import("node:http");
    const server = createServer((_, answer) => void answer.end(JSON.stringify({ keys: [publicJwk(one)] })));
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`;
    await withRelay({ "auth.key_url": url }, async (relay) => {
      const answer = await remove(relay, "one", "?force=true");
      assert.deepEqual([answer.status, codeOf(answer)], [409, "key_from_url"]);
      assert.match(JSON.stringify(answer.body), /remove it there/);
    });
    await withRelay({ "auth.api": url }, async (relay) => {
      assert.equal(codeOf(await add(relay, open(two))), "auth_api_decides");
    });
    server.close();
  });

  it("that have no `kid` and stand alone keep others out", async () => {
    const { kid: _, ...nameless } = publicJwk(one);
    await withRelay({ "auth.key": JSON.stringify(nameless) }, async (relay) => {
      assert.equal(codeOf(await add(relay, open(two))), "key_without_kid");
    });
  });

  it("make a relay without keys ask for tokens", () =>
    withRelay({}, async (relay) => {
      const anyone = async () => JSON.stringify(await (await fetch(relay.at("http", "/access/live"))).json());
      assert.match(await anyone(), /"allowed":true/, "without keys this machine is served");
      await add(relay, open(two));
      assert.match(await anyone(), /token_missing/);
      assert.equal(await accepted(relay, two), true);
    }));

  it("are in the audit by `kid`, and nothing of their material is in an answer or the log", async () => {
    await withRelay({ "auth.key_dir": keysFolder() }, async (relay) => {
      const answers = [
        await add(relay, JSON.stringify(secret.jwk)),
        await add(relay, JSON.stringify({ ...two.jwk, kid: "weak", alg: "HS256" })),
        await add(relay, JSON.stringify({ ...publicJwk(two), kid: "one" })),
        await ask(relay, "GET", "/keys"),
        await remove(relay, "shared"),
        await ask(relay, "GET", "/audit"),
      ];
      const acts = itemsOf(await ask(relay, "GET", "/audit")).map(
        ({ action, target, about, status }) => `${action} ${target} ${about} ${status}`,
      );
      assert.deepEqual(acts, [
        "removeKey /keys/shared undefined 200",
        "addKey /keys one 409",
        "addKey /keys undefined 422",
        "addKey /keys shared 200",
      ]);
      const seen = JSON.stringify([answers, relay.entries]);
      for (const key of [secret.jwk["k"], two.jwk["d"]]) assert.ok(!seen.includes(String(key)));
    });
  });
});
