/** `check` reports what would fail the start of `serve`, and `serve` reports the same. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runProgram } from "../../cli/main.ts";
import { testCertificate } from "../support/certificate.ts";
import { withRelay } from "../support/relay.ts";
import { recordedIo } from "./support/io.ts";
import { Program, QUIET } from "./support/process.ts";

const folder = mkdtempSync(join(tmpdir(), "moqmesh-check-"));
after(() => rmSync(folder, { recursive: true }));

const at = (name: string) => join(folder, name);

before(async () => {
  const one = await testCertificate();
  writeFileSync(at("one.pem"), one.cert);
  writeFileSync(at("one.key"), one.key, { mode: 0o600 });
  writeFileSync(at("text.pem"), "not a certificate\n");
  mkdirSync(at("none"));
});

function file(toml: string): string {
  const path = at(`${Math.random()}.toml`);
  writeFileSync(path, toml.replaceAll("DIR", folder));
  return path;
}

/** The default ports may be in use on this machine. */
const FREE = { MOQMESH_SERVER_PORT: "0", MOQMESH_HTTP_ADMIN_PORT: "0" };

async function check(path: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = recordedIo({ env: readFileSync(path, "utf8").includes("port =") ? {} : FREE });
  const code = await runProgram(["check", path, ...args], io);
  return { code, out: io.stdout(), err: io.stderr().replaceAll(path, "FILE").replaceAll(folder, "DIR") };
}

test("names every invalid file at once, in the order of the lines", async () => {
  const toml = '[tls]\ncert = "DIR/text.pem"\nkey = "DIR/one.key"\n[auth]\nkey_file = "DIR/x"\nkey_dir = "DIR/y"';
  const { err } = await check(file(toml));
  assert.deepEqual(
    [...err.matchAll(/FILE:(\d+)/g)].map(([, line]) => line),
    ["2", "5", "6"],
  );
});

test("a problem has a code, its place and its key, as text and as JSON; the exit code is 3", async () => {
  const path = file('[auth]\nkey_file = "DIR/x"\nkey_dir = "DIR/none"');
  const { code, err, out } = await check(path);
  assert.equal(code, 3);
  assert.equal(out, "");
  assert.match(err, /^moqmesh: FILE:2: auth\.key_file: the key file DIR\/x cannot be used: .*\[file_missing\]$/m);
  assert.match(err, /^moqmesh: warning: FILE:3: auth\.key_dir: .*\[keys_empty\]$/m);
  const json = await check(path, "--json");
  assert.deepEqual([json.code, json.err], [3, ""]);
  const { ok, problems, warnings }: Report = JSON.parse(json.out);
  assert.equal(ok, false);
  assert.deepEqual(
    [problems, warnings].map((list) => list.map((one) => `${one.code} ${one.key}`)),
    [["file_missing auth.key_file"], ["keys_empty auth.key_dir"]],
  );
});

interface Report {
  readonly ok: boolean;
  readonly problems: readonly { readonly code: string; readonly key: string }[];
  readonly warnings: readonly { readonly code: string; readonly key: string }[];
}

test("warnings leave the exit code at 0, and --strict makes problems of them", async () => {
  const path = file('[cluster]\nrole = "edge"');
  const { code, err, out } = await check(path);
  assert.equal(code, 0, err);
  assert.match(err, /^moqmesh: warning: FILE:2: cluster\.role: .*in no mesh.*\[setting_without_effect\]\n$/);
  assert.match(out, /role = "edge"/);
  const json: Report = JSON.parse((await check(path, "--json")).out);
  assert.deepEqual([json.ok, json.warnings.map((one) => one.code)], [true, ["setting_without_effect"]]);
  const strict = await check(path, "--strict");
  assert.deepEqual([strict.code, strict.out], [3, ""]);
});

test("--production refuses a certificate that strangers do not trust, which is a warning else", async () => {
  const path = file('[tls]\ncert = "DIR/one.pem"\nkey = "DIR/one.key"\n[auth]\npublic_subscribe = ["a"]');
  const { code, err } = await check(path);
  assert.equal(code, 0, err);
  assert.match(err, /warning: .*\[certificate_self_signed\]/);
  const production = await check(path, "--production");
  assert.equal(production.code, 3);
  assert.match(production.err, /^moqmesh: FILE:2: tls\.cert: .*\[certificate_self_signed\]$/m);
  const own = await check(path, "--production", "--ca", at("text.pem"));
  assert.match(own.err, /text\.pem holds no PEM certificate \[authorities_invalid\]/);
});

test("a port of another program is a problem, one of this relay a note, and --running tests none", async () => {
  await withRelay({ "http.admin_port": "0" }, async ({ relay }) => {
    const [port, admin] = [relay.address.port, relay.adminAddress?.port ?? 0];
    const toml = `[server]\nhost = "127.0.0.1"\nport = ${port}\n[http]\nadmin_port = `;
    const own = await check(file(`${toml}${admin}`));
    assert.equal(own.code, 0, own.err);
    assert.match(
      own.err,
      /^moqmesh: warning: FILE:3: server\.port: a relay with these ports runs.*\[port_in_use_by_relay\]$/m,
    );
    const other = await check(file(`${toml}0`));
    assert.equal(other.code, 3);
    assert.match(other.err, /FILE:3: server\.port: cannot listen on UDP 127\.0\.0\.1.*\[port_in_use\]/);
    assert.match(other.err, /FILE:3: server\.port: cannot listen on TCP/);
    const running = await check(file(`${toml}0`), "--running");
    assert.deepEqual([running.code, running.err], [0, ""]);
  });
});

test("serve exits with 3 and the same message as check, before it opens anything", async () => {
  const path = file('[tls]\ncert = "DIR/text.pem"\nkey = "DIR/one.key"\n');
  const program = new Program(["serve", ...QUIET, path]);
  assert.equal(await program.ends(), 3);
  assert.equal(program.stderr.replaceAll(path, "FILE").replaceAll(folder, "DIR"), (await check(path)).err);
  assert.equal(program.stdout, "");
});
