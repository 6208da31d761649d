/** Which relay `moqmesh admin` asks, what it shows there, and what it says when that fails. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { adminTarget } from "../../cli/admin/target.ts";
import { runProgram } from "../../cli/main.ts";
import { ADMIN_SECRET } from "../support/admin.ts";
import { Authority } from "../support/authority.ts";
import { TestRelay } from "../support/relay.ts";
import { type Ran, runAdmin } from "./support/admin-command.ts";
import { recordedIo } from "./support/io.ts";

const READ_SECRET = "readreadreadreadreadreadreadread";

/** No command prints a secret. */
function quiet({ out, err }: Ran): void {
  for (const secret of [ADMIN_SECRET, READ_SECRET, "wrongwrong"]) assert.ok(!(out + err).includes(secret));
}

describe("moqmesh admin at a listener without TLS", () => {
  let relay: TestRelay;
  let readFile: string;
  before(async () => {
    relay = await TestRelay.start({ "http.admin_read_token": READ_SECRET });
    readFile = join(relay.folder, "read.token");
    writeFileSync(readFile, `${READ_SECRET}\n`);
  });
  after(() => relay.stop());

  const run = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const ran = await runAdmin(relay, args, {
      env: { MOQMESH_ADMIN_TOKEN: "", MOQMESH_TLS_STATE_DIR: relay.folder, ...env },
    });
    quiet(ran);
    return ran;
  };

  it("says that nothing listens, and where the address is set", async () => {
    const { code, err } = await run(["status", "--url", "http://127.0.0.1:1/"]);
    assert.equal(code, 4);
    assert.match(err, /^moqmesh: http:\/\/127\.0\.0\.1:1 cannot be reached: nothing listens there \(ECONNREFUSED\)\n/);
    assert.match(err, /admin_port/);
  });

  it("says that another port is not the admin listener", async () => {
    const { code, err } = await run(["status", "--url", relay.url.href]);
    assert.equal(code, 1);
    assert.match(err, /is not the admin listener of a relay \(status 404\)/);
  });

  it("says which credential was not accepted, by the code of the API", async () => {
    const { code, err } = await run(["status"], { MOQMESH_ADMIN_TOKEN: "wrongwrongwrongwrongwrongwrongwrong" });
    assert.equal(code, 6);
    assert.match(
      err,
      /this secret is not accepted \(credential_refused\)\nmoqmesh: the token of MOQMESH_ADMIN_TOKEN was shown\n$/,
    );
  });

  it("may read with a token that may read, and says which right an act needs", async () => {
    const as = ["--token-file", readFile];
    assert.match((await run(["whoami", ...as])).out, /^Right {2}read$/m);
    const { code, err } = await run(["slow", "reset", ...as]);
    assert.equal(code, 6);
    assert.match(
      err,
      /\(right_missing\)\nmoqmesh: resetSlow needs the right "write": the token of --token-file \S+ does not grant it\n/,
    );
  });

  it("reads without a credential on this machine, and says where it looked for one when it acts", async () => {
    assert.match((await run(["whoami"])).out, /^Name +local\nRight +read$/m);
    const { code, err } = await run(["slow", "reset"]);
    assert.equal(code, 6);
    assert.match(
      err,
      /\(credential_missing\)\nmoqmesh: the relay's secret in \S+admin\.token cannot be read \(ENOENT\): pass a/,
    );
  });

  it("finds the relay of this machine and its secret by its configuration", async () => {
    const file = join(relay.folder, "relay.toml");
    const port = relay.relay.adminAddress?.port;
    writeFileSync(file, `[http]\nadmin_port = ${port}\nadmin_token_file = "${join(relay.folder, "test.token")}"\n`);
    assert.match((await run(["whoami", "--config", file], { MOQMESH_ADMIN_URL: "" })).out, /^Right +write$/m);
    const env = { MOQMESH_ADMIN_URL: "", MOQMESH_HTTP_ADMIN_PORT: String(port) };
    assert.match((await run(["whoami"], env)).out, /^Name +local$/m);
    writeFileSync(file, "[http]\nadmin_port = 0\n");
    const free = await run(["whoami", "--config", file]);
    assert.equal(free.code, 2);
    assert.match(free.err, /no admin listener with a fixed port: name one with --url URL/);
  });

  it("reads at another relay of this machine, whose secret it does not know, and says so when it acts", async () => {
    const folder = join(relay.folder, "another");
    mkdirSync(folder);
    writeFileSync(join(folder, "admin.token"), `${"x".repeat(32)}\n`);
    const env = { MOQMESH_TLS_STATE_DIR: folder };
    assert.match((await run(["whoami"], env)).out, /^Name +local$/m);
    const { code, err } = await run(["slow", "reset"], env);
    assert.equal(code, 6);
    assert.match(err, /another\/admin\.token was shown: --config FILE finds that of another relay of this machine\n$/);
  });

  it("does not send the secret of this machine to another one", async () => {
    const env = { MOQMESH_TLS_STATE_DIR: relay.folder };
    writeFileSync(join(relay.folder, "admin.token"), `${ADMIN_SECRET}\n`);
    const credentialAt = async (url: string) => {
      const invocation = {
        positionals: [],
        values: new Map([["url", url]]),
        lists: new Map(),
        switches: new Set<string>(),
        config: [],
      };
      return (await adminTarget(invocation, { env })).credential;
    };
    assert.equal((await credentialAt("http://127.0.0.1:4444/"))?.token, ADMIN_SECRET);
    assert.equal(await credentialAt("https://relay.example:4444/"), undefined);
  });

  it("refuses a command line that cannot be right", async () => {
    for (const args of [
      ["--url", "ftp://x/"],
      ["--url", "http://user:secret@127.0.0.1/"],
      ["--url", "http://127.0.0.1/", "--config", "x.toml"],
      ["--cert", readFile],
      ["--token-file", join(relay.folder, "none")],
      ["--watch", "0"],
      ["--watch", "1parsec"],
      ["--timeout", "5"],
    ]) {
      const { code, out } = await run(["status", ...args]);
      assert.deepEqual([code, out], [2, ""], args.join(" "));
    }
    const { err } = await run(["sesions"]);
    assert.match(err, /^moqmesh: unknown command "admin sesions"; did you mean "sessions"\?\n/);
  });
});

describe("moqmesh admin at a listener with TLS and client certificates", () => {
  const folder = mkdtempSync(join(tmpdir(), "moqmesh-admin-tls-"));
  let relay: TestRelay;
  let url: string;
  const file = (name: string, text?: string) => {
    const path = join(folder, name);
    if (text !== undefined) writeFileSync(path, text);
    return path;
  };

  before(async () => {
    const authority = await Authority.make("the relay's");
    const server = await authority.issue({ names: ["127.0.0.1"], days: 29 });
    const client = await authority.issue({ use: "client", names: ["ops"] });
    file("ops.pem", client.cert);
    file("ops-key.pem", client.key);
    file("other.pem", (await Authority.make("another")).root);
    relay = await TestRelay.start({
      "tls.cert": file("cert.pem", server.cert),
      "tls.key": file("key.pem", server.key),
      "http.admin_tls": "true",
      "http.admin_client_ca": file("ca.pem", authority.root),
      "http.admin_rate": "1",
      "http.admin_burst": "6",
    });
    url = `https://127.0.0.1:${relay.relay.adminAddress?.port}/`;
  });
  after(async () => {
    await relay.stop();
    rmSync(folder, { recursive: true });
  });

  const run = async (...args: string[]) => {
    const env = { MOQMESH_ADMIN_TOKEN: "", MOQMESH_ADMIN_URL: "", MOQMESH_TLS_STATE_DIR: folder };
    return await runAdmin(relay, args, { env });
  };

  it("says what to do about http:// and about a certificate that is not trusted", async () => {
    const plain = await run("status", "--url", url.replace("https", "http"));
    assert.equal(plain.code, 4);
    assert.match(
      plain.err,
      /cannot be reached: .*\nmoqmesh: with \[http\] admin_tls the admin listener is at https:\/\/\n$/,
    );
    for (const more of [[], ["--ca", file("other.pem")]]) {
      const { code, err } = await run("status", "--url", url, ...more);
      assert.equal(code, 4);
      assert.match(err, /its certificate is not from an authority that is trusted here\nmoqmesh: --ca FILE trusts/);
    }
    const fingerprint = await run("status", "--url", url, "--fingerprint", "00".repeat(32));
    assert.match(fingerprint.err, /the certificate has none of the expected fingerprints/);
  });

  it("shows a client certificate", async () => {
    const as = ["--ca", file("ca.pem"), "--cert", file("ops.pem"), "--key", file("ops-key.pem")];
    const { out } = await run("whoami", "--url", url, ...as);
    assert.match(out, /^Name +certificate CN=ops\nRight +read$/m);
    const { code, err } = await run("slow", "reset", "--url", url, ...as);
    assert.equal(code, 6);
    assert.match(err, /the certificate of --cert \S+ops\.pem does not grant it/);
  });

  it("trusts the certificate of this machine's relay by its configuration", async () => {
    const port = relay.relay.adminAddress?.port;
    const toml = `[http]\nadmin_port = ${port}\nadmin_tls = true\n[tls]\ncert = "${file("cert.pem")}"\nkey = "${file("key.pem")}"\n`;
    const { code, out } = await run("whoami", "--config", file("relay.toml", toml));
    assert.equal(code, 0);
    assert.match(out, /^Name +local$/m);
    const io = recordedIo({ env: { MOQMESH_TLS_STATE_DIR: folder } });
    assert.equal(await runProgram(["health", "--config", file("relay.toml")], io), 0);
    assert.equal(io.stdout(), "ready\n");
  });

  it("says when the relay answers no more requests of this address", async () => {
    const asking = Array.from({ length: 20 }, () => run("whoami", "--url", url, "--ca", file("ca.pem")));
    const ran = (await Promise.all(asking)).find(({ code }) => code !== 0);
    assert.ok(ran !== undefined);
    assert.equal(ran.code, 6);
    assert.match(ran.err, /try again in \d+ s \(too_many_requests\)\n$/);
  });
});
