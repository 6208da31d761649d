import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as peer from "@moq/token";
import { ALGORITHMS } from "../../auth/index.ts";
import { runProgram } from "../../cli/main.ts";
import { loadConfig } from "../../relay/config/config.ts";
import { exposures } from "../../relay/config/exposure.ts";
import { Authority } from "../support/authority.ts";
import { recordedIo } from "./support/io.ts";

const folder = mkdtempSync(join(tmpdir(), "moqmesh-token-"));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

async function token(...args: string[]) {
  const io = recordedIo();
  const code = await runProgram(["token", ...args], io);
  return { code, out: io.stdout(), err: io.stderr() };
}

for (const alg of ALGORITHMS) {
  test(`${alg}: a token of a generated key is valid here and in @moq/token`, async () => {
    const secret = alg.startsWith("HS");
    const halves = secret ? [] : ["--public", at(`${alg}.public`)];
    const made = await token("keygen", "--alg", alg, "--kid", alg, "--out", at(`${alg}.jwk`), ...halves);
    assert.deepEqual([made.code, made.out, made.err], [0, "", `Made key ${alg} (${alg}).\n`]);
    assert.equal(statSync(at(`${alg}.jwk`)).mode & 0o777, 0o600);
    const grants = ["--root", "room", "--put", "cam,mic", "--get", ""];
    const signed = await token("sign", "--key", at(`${alg}.jwk`), ...grants, "--expires", "2h", "--subject", "ann");
    assert.deepEqual([signed.code, signed.err], [0, ""]);
    writeFileSync(at(`${alg}.jwt`), signed.out);
    const verifying = secret ? at(`${alg}.jwk`) : at(`${alg}.public`);
    const verified = await token("verify", "--key", verifying, "--in", at(`${alg}.jwt`));
    assert.equal(verified.code, 0, verified.err);
    const claims: Record<string, unknown> = JSON.parse(verified.out);
    assert.deepEqual(
      [claims["root"], claims["put"], claims["get"], claims["sub"]],
      ["room", ["cam", "mic"], [""], "ann"],
    );
    assert.equal(Number(claims["exp"]) - Number(claims["iat"]), 7_200);
    const text = readFileSync(verifying, "utf8");
    const theirs = secret ? peer.load(text) : peer.loadPublic(text);
    const seen = await peer.verify(theirs, signed.out.trim(), "room");
    assert.deepEqual(seen.put, ["cam", "mic"]);
  });
}

test("keygen prints only the public half by default, and overwrites no file", async () => {
  const made = await token("keygen", "--alg", "EdDSA", "--out", `${at("private")}/`);
  const printed: Record<string, unknown> = JSON.parse(made.out);
  assert.deepEqual(Object.keys(printed).sort(), ["alg", "crv", "key_ops", "kid", "kty", "x"]);
  const file = join(at("private"), `${printed["kid"]}.jwk`);
  assert.ok("d" in JSON.parse(readFileSync(file, "utf8")));
  const asked = await token("keygen", "--alg", "EdDSA", "--out", "-");
  assert.ok("d" in JSON.parse(asked.out));
  const again = await token("keygen", "--out", file);
  assert.equal(again.code, 1);
  assert.match(again.err, /it exists already/);
});

test("verify gives a code for the refusal, and never shows the token or the key", async () => {
  const [mine, other] = [at("mine.jwk"), at("other.jwk")];
  for (const file of [mine, other]) await token("keygen", "--kid", "same", "--out", file);
  const signed = await token("sign", "--key", mine, "--get", "");
  assert.match(signed.err, /never expires/);
  writeFileSync(at("mine.jwt"), signed.out);
  writeFileSync(at("none.jwt"), "eyJhbGciOiJub25lIn0.eyJnZXQiOiIifQ.");
  const table: [string, string, RegExp][] = [
    [other, at("mine.jwt"), /^moqmesh: signature_invalid: /],
    [mine, at("none.jwt"), /^moqmesh: alg_refused: /],
    [mine, mine, /^moqmesh: token_malformed: /],
  ];
  for (const [key, file, expected] of table) {
    const { code, out, err } = await token("verify", "--key", key, "--in", file);
    assert.deepEqual([code, out], [6, ""]);
    assert.match(err, expected);
    assert.doesNotMatch(err, /eyJ/);
  }
});

test("a token given instead of a file or in a URL is not printed", async () => {
  const jwt = (await token("sign", "--key", at("mine.jwk"), "--get", "")).out.trim();
  const lines = [
    ["token", "verify", "--key", at("mine.jwk"), "--in", jwt],
    ["token", "inspect", "--in", `${jwt}x`],
    ["token", jwt],
    ["ls", `relay.example/?jwt=${jwt}`],
    ["ls", `relay.example/x${jwt}`],
    [jwt],
  ];
  for (const line of lines) {
    const io = recordedIo();
    assert.notEqual(await runProgram(line, io), 0);
    assert.doesNotMatch(io.stdout() + io.stderr(), /eyJ/, line.join(" ").slice(0, 30));
  }
});

test("inspect shows the claims of a token, and says that it verified nothing", async () => {
  writeFileSync(at("any.jwt"), "eyJhbGciOiJub25lIn0.eyJnZXQiOiIifQ.");
  const { code, out, err } = await token("inspect", "--in", at("any.jwt"));
  assert.deepEqual([code, JSON.parse(out)], [0, { header: { alg: "none" }, claims: { get: "" } }]);
  assert.match(err, /Not verified/);
});

test("keygen makes a key pair by default", async () => {
  const made = await token("keygen", "--kid", "plain", "--out", at("plain.jwk"), "--public", at("plain.public"));
  assert.deepEqual([made.code, made.err], [0, "Made key plain (ES256).\n"]);
  assert.equal(JSON.parse(readFileSync(at("plain.public"), "utf8")).crv, "P-256");
});

test("verify and inspect show the times of a token as dates, in addition to the JSON", async () => {
  writeFileSync(
    at("times.jwt"),
    "eyJhbGciOiJub25lIn0.eyJnZXQiOiIiLCJuYmYiOjE3NjcyMjU2MDAsImV4cCI6MTc2NzIyOTIwMCwiaWF0IjoxZTMwMH0.",
  );
  const { err } = await token("inspect", "--in", at("times.jwt"));
  assert.deepEqual(err.split("\n").slice(1, -1), [
    "Valid from 2026-01-01 00:00:00 UTC",
    "Expires 2026-01-01 01:00:00 UTC (has expired)",
  ]);
  const signed = await token("sign", "--key", at("plain.jwk"), "--get", "", "--expires", "2h");
  writeFileSync(at("plain.jwt"), signed.out);
  const verified = await token("verify", "--key", at("plain.public"), "--in", at("plain.jwt"));
  const { exp } = JSON.parse(verified.out);
  const date = new Date(exp * 1000).toISOString().slice(0, 19).replace("T", " ");
  assert.match(verified.err, new RegExp(`^Issued .* UTC\nExpires ${date} UTC\n$`));
});

test("--json prints one object for each action", async () => {
  const printed = async (...args: string[]) => {
    const { code, out, err } = await token(...args, "--json");
    assert.deepEqual(
      [code, err.replace("Not verified: anyone could have made this token.\n", "")],
      [0, ""],
      args.join(" "),
    );
    return JSON.parse(out);
  };
  const out = `${at("json-keys")}/`;
  const made = await printed("keygen", "--kid", "j1", "--out", out, "--public", at("j1.public"));
  assert.deepEqual(made, { kid: "j1", alg: "ES256", private: `${out}j1.jwk`, public: at("j1.public") });
  const shown = await printed("keygen", "--kid", "j2", "--out", at("j2.jwk"));
  assert.deepEqual([shown.private, shown.public.kid, "d" in shown.public], [at("j2.jwk"), "j2", false]);
  const { token: jwt, header, claims } = await printed("sign", "--key", made.private, "--get", "a", "--expires", "1h");
  assert.deepEqual([header.kid, claims.get], ["j1", ["a"]]);
  writeFileSync(at("json.jwt"), jwt);
  assert.deepEqual((await printed("verify", "--key", made.public, "--in", at("json.jwt"))).get, ["a"]);
  assert.deepEqual(await printed("inspect", "--in", at("json.jwt")), { header, claims });
});

test("verify names each key of a set that it ignores", async () => {
  const set = { keys: [{ kty: "EC", crv: "P-521", kid: "odd" }, JSON.parse(readFileSync(at("plain.public"), "utf8"))] };
  writeFileSync(at("set.json"), JSON.stringify(set));
  const verified = await token("verify", "--key", at("set.json"), "--in", at("plain.jwt"));
  assert.equal(verified.code, 0);
  assert.match(verified.err, /the key "odd" in .* is not used/);
});

test("a key with a scope signs nothing beyond its scope", async () => {
  await token("keygen", "--out", at("scoped.jwk"), "--root", "room", "--put", "cam");
  assert.equal((await token("sign", "--key", at("scoped.jwk"), "--root", "room/cam", "--put", "")).code, 0);
  const beyond = await token("sign", "--key", at("scoped.jwk"), "--root", "room", "--put", "camera");
  assert.equal(beyond.code, 1);
  assert.match(beyond.err, /more than the scope of the key/);
});

test("a key for relays of the mesh signs for relays only", async () => {
  assert.equal((await token("keygen", "--out", at("mesh.jwk"), "--cluster")).code, 0);
  assert.equal((await token("sign", "--key", at("mesh.jwk"), "--cluster")).code, 0);
  assert.match(
    (await token("sign", "--key", at("mesh.jwk"), "--get", "")).err,
    /`get` grants more than the scope of the key/,
  );
  assert.match(
    (await token("sign", "--key", at("scoped.jwk"), "--cluster")).err,
    /`cluster` grants more than the scope/,
  );
});

test("a token for the admin API has its right, and keys of paths or of the mesh do not sign one", async () => {
  assert.equal((await token("keygen", "--out", at("admin.jwk"), "--admin", "read")).code, 0);
  const signed = await token("sign", "--key", at("admin.jwk"), "--admin", "read", "--expires", "1h");
  writeFileSync(at("admin.jwt"), signed.out);
  const claims = JSON.parse((await token("verify", "--key", at("admin.jwk"), "--in", at("admin.jwt"))).out);
  assert.deepEqual([claims.admin, claims.put, claims.get, claims.cluster], ["read", [], [], false]);
  for (const key of ["admin.jwk", "mesh.jwk", "scoped.jwk"]) {
    const beyond = await token("sign", "--key", at(key), "--admin", "write");
    assert.match(beyond.err, /`admin` grants more than the scope/, key);
  }
});

test("says what is wrong with a command line", async () => {
  const table: [string[], RegExp][] = [
    [["mint"], /not one of keygen, sign, verify, inspect and prove/],
    [["sign", "--key", at("plain.jwk"), "--admin", "all"], /--admin all is unknown; use read or write/],
    [["keygen"], /--out FILE is missing/],
    [["keygen", "--alg", "none", "--out", "-"], /--alg none is unknown; use one of HS256/],
    [["sign"], /--key FILE is missing/],
    [["sign", "--key", at("mine.jwk"), "--get", "", "--expires", "2"], /a duration needs a unit/],
    [["verify", "--key", "-"], /standard input can give the key or the token/],
  ];
  for (const [args, expected] of table) {
    const { code, err } = await token(...args);
    assert.equal(code, 2);
    assert.match(err, expected);
  }
  const nothing = await token("sign", "--key", at("mine.jwk"));
  assert.equal(nothing.code, 1);
  assert.match(nothing.err, /neither `put` nor `get`/);
});

test("check --production refuses a relay that is open to all or not trusted by clients", async () => {
  const check = async (toml: string, ...more: string[]) => {
    writeFileSync(at("relay.toml"), toml);
    const io = recordedIo();
    return { code: await runProgram(["check", at("relay.toml"), "--running", ...more], io), err: io.stderr() };
  };
  const open = '[auth]\npublic_subscribe = [""]\npublic_publish = ["/"]\n';
  assert.equal((await check(open)).code, 0);
  const refused = await check(open, "--production");
  assert.equal(refused.code, 3);
  for (const line of ["relay.toml:2: auth.public_subscribe", "relay.toml:3: auth.public_publish", "tls.cert"]) {
    assert.ok(refused.err.includes(line), refused.err);
  }
  assert.match((await check("", "--production")).err, /the relay serves only its own machine/);
  const authority = await Authority.make("Root");
  const { cert, key } = await authority.issue({ names: ["relay.example"], days: 90 });
  writeFileSync(at("root.pem"), authority.root);
  writeFileSync(at("chain.pem"), cert);
  writeFileSync(at("chain.key"), key, { mode: 0o600 });
  await token("keygen", "--out", at("production.jwk"), "--public", at("production.public"));
  const tls = `[tls]\ncert = "${at("chain.pem")}"\nkey = "${at("chain.key")}"\n`;
  const keyed = `[auth]\nkey_file = "${at("production.public")}"\n`;
  assert.match((await check(`${keyed}${tls}`, "--production")).err, /a stolen token without an end/);
  const good = `${keyed}max_life = "1d"\n${tls}`;
  assert.match((await check(good, "--production")).err, /\[certificate_chain_incomplete\]/);
  assert.deepEqual(await check(good, "--production", "--ca", at("root.pem")), { code: 0, err: "" });
  const wrong = '[auth]\napi = "http://api.example/"\nkey = "x"\ndeny = ["10.0.0.0/99"]\n';
  const { err } = await check(wrong);
  for (const part of ["`api` decides alone", "`api` must be an https:// URL", "10.0.0.0/99"])
    assert.ok(err.includes(part), err);
});

test("a start warns of public access to everything when other machines can reach the relay", () => {
  const of = (env: Record<string, string>) => exposures(loadConfig({ env }).config);
  const open = { MOQMESH_AUTH_PUBLIC_SUBSCRIBE: "/", MOQMESH_AUTH_PUBLIC_PUBLISH: "demo,/" };
  assert.equal(of(open).length, 2);
  assert.deepEqual(of({ ...open, MOQMESH_SERVER_HOST: "127.0.0.1" }), []);
  assert.deepEqual(of({ MOQMESH_AUTH_PUBLIC_SUBSCRIBE: "demo" }), []);
  assert.deepEqual(of({}), []);
});
