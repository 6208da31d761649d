import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { Authority } from "../support/authority.ts";
import { tool } from "../support/tools.ts";

const run = promisify(execFile);
const FOLDER = resolve(import.meta.dirname, "../../deploy/backup");
const PROGRAM = join(FOLDER, "moqmesh-backup");
const MOQMESH = resolve(import.meta.dirname, "../../bin/moqmesh.js");

const openssl = tool("openssl");

describe("a backup", { skip: openssl.missing }, () => {
  let folder: string;
  let certificate: string;
  let etc: string;
  let state: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "moqmesh-backup-"));
    certificate = join(folder, "backup.pem");
    const { cert, key } = await rsaPair();
    await writeFile(certificate, cert);
    await writeFile(join(folder, "backup.key"), key);
    etc = join(folder, "etc/moqmesh");
    state = join(folder, "var/lib/moqmesh");
    await mkdir(join(etc, "keys"), { recursive: true });
    await mkdir(state, { recursive: true });
    await moqmesh(
      "token",
      "keygen",
      "--kid",
      "clients",
      "--out",
      join(etc, "clients.jwk"),
      "--public",
      join(etc, "keys/"),
    );
    const config = `[tls]\nstate_dir = "${state}"\n[auth]\nkey_dir = "${join(etc, "keys")}"\n`;
    await writeFile(join(etc, "relay.toml"), config);
    await writeFile(join(state, "admin.token"), "a-secret-of-operators", { mode: 0o600 });
    await writeFile(join(state, "leak.heapsnapshot"), "large");
  });
  after(async () => await rm(folder, { recursive: true, force: true }));

  /** A certificate and its key, in PEM. */
  async function rsaPair(): Promise<{ cert: string; key: string }> {
    const [cert, key] = [join(folder, "c.pem"), join(folder, "k.pem")];
    const request = ["req", "-x509", "-newkey", "rsa:3072", "-nodes", "-days", "3650", "-subj", "/CN=moqmesh backup"];
    await run(openssl.path, [...request, "-keyout", key, "-out", cert]);
    return { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") };
  }

  const moqmesh = async (...args: string[]) => await run(process.execPath, [MOQMESH, ...args]);

  /** Runs the program; resolves with the names of the archives in `to`. */
  async function backup(to: string, env: NodeJS.ProcessEnv = {}, paths = [etc, state]): Promise<string[]> {
    await run(PROGRAM, [certificate, to, ...paths], { env: { ...process.env, ...env } });
    return (await readdir(to)).sort();
  }

  /** Runs it with arguments that it cannot use; resolves with what it prints. */
  async function refused(args: string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const failure = await run(PROGRAM, args, { env: { ...process.env, ...env } }).catch((error: unknown) => error);
    assert.ok(failure instanceof Error, "it does not fail");
    return (failure as Error & { stderr: string }).stderr;
  }

  async function decrypt(archive: string, to: string, key = join(folder, "backup.key")): Promise<void> {
    await mkdir(to, { recursive: true });
    const plain = join(to, "plain.tar.gz");
    await run(openssl.path, ["cms", "-decrypt", "-inform", "DER", "-in", archive, "-inkey", key, "-out", plain]);
    await run("tar", ["-xzpf", plain, "-C", to]);
  }

  it("is restored by its key to files with which a relay passes its check", async () => {
    const to = join(folder, "one");
    const [name = "", ...others] = await backup(to);
    assert.deepEqual(others, []);
    assert.match(name, new RegExp(`^moqmesh-${hostname()}-\\d{8}T\\d{6}Z\\.tar\\.gz\\.cms$`));
    const archive = await readFile(join(to, name));
    assert.equal(archive.includes("a-secret-of-operators"), false);
    const restored = join(folder, "restored");
    await decrypt(join(to, name), restored);
    const at = (path: string) => join(restored, path);
    assert.equal(await readFile(join(at(state), "admin.token"), "utf8"), "a-secret-of-operators");
    assert.deepEqual(await readdir(at(state)), ["admin.token"]);
    assert.deepEqual(await readFile(at(join(etc, "clients.jwk"))), await readFile(join(etc, "clients.jwk")));
    const config = (await readFile(at(join(etc, "relay.toml")), "utf8")).replaceAll(folder, join(restored, folder));
    await writeFile(at(join(etc, "relay.toml")), config);
    await moqmesh("check", at(join(etc, "relay.toml")), "--port", "0");
  });

  it("is not opened by another key", async () => {
    const to = join(folder, "other");
    const [name = ""] = await backup(to);
    const { key } = await (await Authority.make("other")).issue({ names: ["other"] });
    await writeFile(join(folder, "other.key"), key);
    await assert.rejects(decrypt(join(to, name), join(folder, "nothing"), join(folder, "other.key")));
  });

  it("leaves the newest archives, and those of other machines", async () => {
    const to = join(folder, "many archives");
    await mkdir(to);
    const old = (day: number) => `moqmesh-${hostname()}-2026010${day}T030000Z.tar.gz.cms`;
    // The second name begins as those of this machine do.
    const others = ["elsewhere", `${hostname()}-2`].map((host) => `moqmesh-${host}-20250101T030000Z.tar.gz.cms`);
    for (const name of [old(1), old(2), old(3), ...others]) await writeFile(join(to, name), "old");
    const names = await backup(to, { MOQMESH_BACKUPS: "2" });
    assert.equal(names.length, 4);
    assert.ok(names.includes(old(3)));
    for (const name of others) assert.ok(names.includes(name), name);
  });

  it("has what a path leads to that is a link", async () => {
    const link = join(folder, "etc/link to moqmesh");
    await symlink(etc, link);
    const to = join(folder, "links");
    const [name = ""] = await backup(to, {}, [link]);
    const restored = join(folder, "restored links");
    await decrypt(join(to, name), restored);
    assert.deepEqual(await readFile(join(restored, etc, "relay.toml")), await readFile(join(etc, "relay.toml")));
    assert.equal(await readlink(join(restored, link)), etc);
  });

  it("that cannot be made says why and leaves nothing behind", async () => {
    const to = join(folder, "none");
    assert.match(await refused([join(folder, "backup.key"), to, etc]), /backup\.key is no certificate/);
    assert.match(await refused([certificate, to, join(folder, "missing")]), /missing cannot be read/);
    assert.match(await refused([certificate, to, etc], { MOQMESH_BACKUPS: "some" }), /MOQMESH_BACKUPS=some/);
    assert.match(await refused([certificate]), /usage/);
    await mkdir(to);
    const bin = join(folder, "bin");
    await mkdir(bin);
    await writeFile(join(bin, "tar"), "#!/bin/sh\necho 'tar: disk on fire' >&2\nexit 2\n");
    await chmod(join(bin, "tar"), 0o755);
    const PATH = `${bin}:${process.env["PATH"]}`;
    assert.match(await refused([certificate, to, etc], { PATH }), /tar: disk on fire/);
    assert.deepEqual(await readdir(to), []);
  });
});

describe("the files of the backup", () => {
  const shellcheck = tool("shellcheck");
  it("have no findings of shellcheck", { skip: shellcheck.missing }, async () => {
    await run(shellcheck.path, [PROGRAM]);
  });

  const analyze = tool("systemd-analyze");
  it("are units that systemd accepts, graded under 2.0", { skip: analyze.missing }, async () => {
    const units = ["moqmesh-backup.service", "moqmesh-backup.timer"].map((name) => join(FOLDER, name));
    await run(analyze.path, ["security", "--offline=true", "--threshold=20", units[0] ?? ""]);
    const { stderr } = await run(analyze.path, ["verify", "--man=no", ...units]).catch(
      (error: unknown) => error as { stderr: string },
    );
    // The program is not installed here.
    const findings = stderr
      .split("\n")
      .filter((line) => line !== "" && !line.includes("moqmesh-backup is not executable"));
    assert.deepEqual(findings, []);
  });
});
