/** A running relay and its secrets: where it takes them from, whom it warns of, and that it tells them to no one. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { careless, generateKey, publicJwk, readHeader } from "../../auth/index.ts";
import { nativeSettings } from "../../relay/host/native.ts";
import { meshCredentials } from "../../relay/mesh/credentials.ts";
import { readableSecrets } from "../../relay/secret-files.ts";
import { ADMIN_SECRET } from "../support/admin.ts";
import { testCertificate } from "../support/certificate.ts";
import { configOf, type TestRelay, withRelay } from "../support/relay.ts";

const folder = mkdtempSync(join(tmpdir(), "moqmesh-secrets-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

/** Keys of files that the relay warned of. */
function warned({ entries }: TestRelay): string[] {
  return entries.filter((entry) => entry["code"] === "secret_readable").map((entry) => String(entry["key"]));
}

const own = process.getuid?.() ?? 0;

const MODES: [mode: number, uid: number, secret: boolean, who: RegExp | undefined][] = [
  [0o600, own, true, undefined],
  [0o400, own, true, undefined],
  [0o640, own, true, /its group may read it \(mode 0640\)$/],
  [0o604, own, true, /every user of this machine may read it \(mode 0604\)$/],
  [0o644, own, true, /every user of this machine may read it \(mode 0644\)$/],
  [0o602, own, true, /every user of this machine may change it/],
  // The group of another user's file is how the relay reads it.
  [0o640, own + 1, true, undefined],
  [0o444, own + 1, true, /every user of this machine may read it/],
  [0o644, own, false, undefined],
  [0o646, own, false, /every user of this machine may change it/],
];

describe("permissions of a file", () => {
  for (const [mode, uid, secret, who] of MODES) {
    const whose = uid === own ? "the relay's own" : "another user's";
    test(`0${mode.toString(8)} of ${whose} ${secret ? "secret" : "public file"}`, () => {
      const text = careless("the file x", { mode: 0o100_000 | mode, uid }, secret);
      if (who === undefined) assert.equal(text, undefined);
      else assert.match(text ?? "", new RegExp(`^secret_readable: the file x: ${who.source}`));
    });
  }
});

describe("a relay", () => {
  test("warns of files with secrets that others can read at the start and at each reload", async () => {
    const { cert, key } = await testCertificate();
    const signing = JSON.stringify(await generateKey({ alg: "HS256", kid: "mesh" }).then(({ jwk }) => jwk));
    const paths = {
      "tls.key": file("tls.key", key, 0o644),
      "cluster.key_file": file("mesh.jwk", signing, 0o640),
      "webhooks.secret_file": file("hook", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0o604),
      "quic.reset_key_file": file("reset", "x".repeat(32), 0o644),
      "http.admin_read_token_file": file("reader", "y".repeat(32), 0o666),
    };
    const settings = { ...paths, "tls.cert": file("tls.pem", cert, 0o644), "cluster.node": "a" };
    await withRelay(settings, async (relay) => {
      const keys = Object.keys(paths).sort();
      assert.deepEqual(warned(relay).sort(), keys);
      for (const path of Object.values(paths)) chmodSync(path, 0o600);
      chmodSync(join(relay.folder, "test.token"), 0o644);
      assert.deepEqual((await relay.reload()).failed, {});
      assert.deepEqual(warned(relay).slice(keys.length), ["http.admin_token_file"]);
      const log = JSON.stringify(relay.entries);
      for (const secret of [signing, ADMIN_SECRET, "xxxx", "yyyy", "AAAAAAAA"]) assert.ok(!log.includes(secret));
    });
  });

  test("warns of what it keeps in its state folder, and not of what is not there", async () => {
    const config = configOf({ "tls.state_dir": folder });
    assert.deepEqual(await readableSecrets({ config, origins: new Map() }), []);
    file("reset.key", "x", 0o644);
    file("admin.token", "x", 0o640);
    const found = await readableSecrets({ config, origins: new Map() });
    assert.deepEqual(
      found.map(({ message }) => /file \S+?([^/]+):/.exec(message)?.[1]),
      ["admin.token", "reset.key"],
    );
  });

  test("verifies tokens with a key that is no file, and takes another one at a reload", async () => {
    const [one, two] = [
      await generateKey({ alg: "ES256", kid: "one" }),
      await generateKey({ alg: "ES256", kid: "two" }),
    ];
    const admin = async (relay: TestRelay) => {
      const headers = { Authorization: `Bearer ${ADMIN_SECRET}` };
      const answer: unknown = await (await fetch(relay.admin("/api/v1/keys"), { headers })).json();
      return (answer as { items: { id: string; source: string }[] }).items.map(({ id, source }) => [id, source]);
    };
    const text = (key: typeof one) => Buffer.from(JSON.stringify(publicJwk(key))).toString("base64url");
    await withRelay({ "auth.key": text(one) }, async (relay) => {
      assert.deepEqual(await admin(relay), [["one", "the key of [auth] key"]]);
      const { applied } = await relay.reload({ "auth.key": text(two) });
      assert.deepEqual(applied, [{ key: "auth.key", from: '"[redacted]"', to: '"[redacted]"', live: true }]);
      assert.deepEqual(await admin(relay), [["two", "the key of [auth] key"]]);
      const { failed } = await relay.reload({ "auth.key": "e30" });
      assert.match(failed["auth.key"] ?? "", /^the key of \[auth\] key cannot be used: not a JWK/);
      assert.deepEqual(await admin(relay), [["two", "the key of [auth] key"]]);
    });
  });

  test("permits what the secrets of the admin API permit that are no files", async () => {
    const [write, read] = ["w".repeat(32), "r".repeat(32)];
    const settings = { "http.admin_token_file": "", "http.admin_token": write, "http.admin_read_token": read };
    await withRelay(settings, async (relay) => {
      assert.equal((await relay.revoke({ jti: "x" }, write)).status, 200);
      assert.equal((await relay.revoke({ jti: "x" }, read)).status, 403);
      assert.equal((await relay.revoke({ jti: "x" }, "n".repeat(32))).status, 401);
      const config = await (await fetch(relay.admin("/api/v1/config"))).text();
      assert.ok(config.includes("http.admin_token") && !config.includes("wwww") && !config.includes("rrrr"));
    });
  });

  test("takes the URLs in a file at a reload, and shows their origin and none of their secrets", async () => {
    const urls = file("urls", "https://a.example/?s=hidden\n");
    await withRelay({ "webhooks.urls_file": urls }, async (relay) => {
      assert.deepEqual(relay.relay.settings.config.webhooks.urls, ["https://a.example/?s=hidden"]);
      writeFileSync(urls, "https://b.example/?s=hidden\n");
      const report = await relay.reload();
      const { values } = (await (await fetch(relay.admin("/api/v1/config?section=webhooks"))).json()) as {
        values: { key: string; text: string; origin: unknown }[];
      };
      const shown = values.find(({ key }) => key === "webhooks.urls");
      assert.deepEqual(
        [shown?.text, shown?.origin],
        ['["https://b.example/?[redacted]"]', { kind: "file", file: urls }],
      );
      assert.deepEqual(
        report.applied.map(({ key }) => key),
        ["webhooks.urls"],
      );
      assert.doesNotMatch(JSON.stringify([values, report, relay.entries]), /hidden/);
    });
  });

  test("has the same reset key from the configuration and from a file, also with a newline", async () => {
    const hex = "0a".repeat(32);
    const keyOf = async (settings: Record<string, string>) =>
      (await nativeSettings(configOf(settings), () => {})).resetKey;
    const expected = Buffer.from(hex, "hex");
    assert.deepEqual(await keyOf({ "quic.reset_key": hex }), expected);
    assert.deepEqual(await keyOf({ "quic.reset_key_file": file("hex", `${hex}\n`) }), expected);
    assert.deepEqual(
      await keyOf({ "quic.reset_key_file": file("raw", "\n".repeat(33)) }),
      Buffer.from("\n".repeat(33)),
    );
  });

  test("signs its own tokens with a key that is no file", async () => {
    const { jwk } = await generateKey({ alg: "ES256", kid: "mesh" });
    const { cluster } = configOf({ "cluster.node": "a", "cluster.key": JSON.stringify(jwk) });
    const credentials = await meshCredentials(cluster, Date.now);
    assert.equal(readHeader((await credentials.token()) ?? "").kid, "mesh");
    const broken = configOf({ "cluster.node": "a", "cluster.key": '{"kty":"oct","k":"c2VjcmV0"}' });
    await assert.rejects(meshCredentials(broken.cluster, Date.now), (error: Error) => {
      assert.match(error.message, /^the key of cluster\.key: /);
      return !error.message.includes("c2VjcmV0");
    });
  });
});
