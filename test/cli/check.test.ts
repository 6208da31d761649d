/** `check` reports what would fail the start of `serve`, and `serve` reports the same. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runProgram } from "../../relay/cli/main.ts";
import { certificateHosts, makeSelfSigned } from "../../transport/tls/self-signed.ts";
import { testCertificate } from "../support/certificate.ts";
import { recordedIo } from "./support/io.ts";
import { Program, QUIET } from "./support/process.ts";

const folder = mkdtempSync(join(tmpdir(), "moqmesh-check-"));
after(() => rmSync(folder, { recursive: true }));

const at = (name: string) => join(folder, name);

before(async () => {
  const [one, two] = [await testCertificate(), await testCertificate()];
  writeFileSync(at("one.pem"), one.cert);
  writeFileSync(at("one.key"), one.key, { mode: 0o600 });
  writeFileSync(at("two.key"), two.key, { mode: 0o600 });
  writeFileSync(at("text.pem"), "not a certificate\n");
  writeFileSync(at("empty.jwk"), "{}");
  mkdirSync(at("none"));
  mkdirSync(at("junk"));
  writeFileSync(join(at("junk"), "a.jwk"), "junk");
  const old = await makeSelfSigned(certificateHosts([]), Date.parse("2020-01-20"));
  writeFileSync(at("old.pem"), old.cert);
  writeFileSync(at("old.key"), old.key, { mode: 0o600 });
});

function file(toml: string): string {
  const path = at(`${Math.random()}.toml`);
  writeFileSync(path, toml.replaceAll("DIR", folder));
  return path;
}

async function check(path: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = recordedIo();
  const code = await runProgram(["check", path, ...args], io);
  return { code, out: io.stdout(), err: io.stderr().replaceAll(path, "FILE").replaceAll(folder, "DIR") };
}

const BROKEN: [what: string, toml: string, line: number, key: string, message: RegExp][] = [
  [
    "a PEM file without a certificate",
    '[tls]\ncert = "DIR/text.pem"\nkey = "DIR/one.key"',
    2,
    "tls.cert",
    /no PEM cert/,
  ],
  ["the key of another certificate", '[tls]\ncert = "DIR/one.pem"\nkey = "DIR/two.key"', 3, "tls.key", /not belong/],
  [
    "a certificate that has expired",
    '[tls]\ncert = "DIR/old.pem"\nkey = "DIR/old.key"',
    2,
    "tls.cert",
    /expired on 2020/,
  ],
  ["a folder in place of a certificate", '[tls]\ncert = "DIR/none"\nkey = "DIR/one.key"', 2, "tls.cert", /is a folder/],
  [
    "a further certificate that is not there",
    '[tls]\ncertificates = ["DIR/x DIR/y"]',
    2,
    "tls.certificates",
    /not exist/,
  ],
  [
    "a folder of keys that is not there",
    '[auth]\nkey_dir = "DIR/nowhere"',
    2,
    "auth.key_dir",
    /does not exist \(ENOENT/,
  ],
  ["a file in place of a folder of keys", '[auth]\nkey_dir = "DIR/text.pem"', 2, "auth.key_dir", /it is not a folder/],
  ["a file in place of the state folder", '[tls]\nstate_dir = "DIR/text.pem"', 2, "tls.state_dir", /is not a folder/],
  ["one port for both listeners", "[server]\nport = 4444", 0, "http.admin_port", /choose another/],
  [
    "a key file that holds no key",
    '[auth]\nkey_file = "DIR/empty.jwk"',
    2,
    "auth.key_file",
    /not a JWK: its type, `kty`, is missing/,
  ],
  [
    "a signing key that is not there",
    '[cluster]\nnode = "a"\nkey_file = "DIR/nowhere"',
    3,
    "cluster.key_file",
    /cannot be/,
  ],
  [
    "authorities that are not there",
    '[cluster]\nnode = "a"\nca = "DIR/nowhere"\nurl = "wss://a.example"',
    3,
    "cluster.ca",
    /cannot be read/,
  ],
  ["a secret that is not there", '[http]\nadmin_token_file = "DIR/nowhere"', 2, "http.admin_token_file", /./],
];

for (const [what, toml, line, key, message] of BROKEN) {
  test(`names ${what} with its line`, async () => {
    const { code, err, out } = await check(file(toml));
    const place = line === 0 ? "default" : `FILE:${line}`;
    assert.match(err, new RegExp(`^moqmesh: ${place}: ${key}: .*${message.source}`));
    assert.deepEqual([code, out], [3, ""]);
  });
}

test("names every invalid file at once, in the order of the lines", async () => {
  const toml = '[tls]\ncert = "DIR/text.pem"\nkey = "DIR/one.key"\n[auth]\nkey_file = "DIR/x"\nkey_dir = "DIR/y"';
  const { err } = await check(file(toml));
  assert.deepEqual(
    [...err.matchAll(/FILE:(\d+)/g)].map(([, line]) => line),
    ["2", "5", "6"],
  );
});

const ODD: [what: string, toml: string, line: number, key: string, message: RegExp][] = [
  ["a folder without keys", '[auth]\nkey_dir = "DIR/none"', 2, "auth.key_dir", /has no usable key/],
  ["junk in a folder of keys", '[auth]\nkey_dir = "DIR/junk"', 2, "auth.key_dir", /a\.jwk/],
  ["a role without a name", '[cluster]\nrole = "edge"', 2, "cluster.role", /in no mesh/],
];

for (const [what, toml, line, key, message] of ODD) {
  test(`warns of ${what}, with which a relay still starts`, async () => {
    const path = file(toml);
    const { code, err } = await check(path);
    assert.equal(code, 0, err);
    assert.match(err, new RegExp(`^moqmesh: warning: FILE:${line}: ${key}: .*${message.source}`, "m"));
    const { out } = await check(path, "--json");
    const { ok, warnings }: { ok: boolean; warnings: { key: string }[] } = JSON.parse(out);
    assert.equal(ok, true);
    assert.ok(warnings.some((warning) => warning.key === key));
  });
}

test("serve exits with 3 and the same message as check, before it opens anything", async () => {
  const path = file('[tls]\ncert = "DIR/text.pem"\nkey = "DIR/one.key"\n');
  const program = new Program(["serve", ...QUIET, path]);
  assert.equal(await program.ends(), 3);
  assert.equal(program.stderr.replaceAll(path, "FILE").replaceAll(folder, "DIR"), (await check(path)).err);
  assert.equal(program.stdout, "");
});
