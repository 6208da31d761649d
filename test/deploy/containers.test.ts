import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { parse } from "yaml";
import * as z from "zod";
import { loadConfig } from "../../relay/config/index.ts";
import { tool } from "../support/tools.ts";

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, "../..");
const FOLDER = join(ROOT, "deploy/compose");

const COMPOSE = z.looseObject({
  services: z.record(
    z.string(),
    z.looseObject({
      volumes: z.array(z.string()).optional(),
      secrets: z.array(z.string()).optional(),
      ports: z.array(z.string()).optional(),
      depends_on: z.array(z.string()).optional(),
    }),
  ),
  secrets: z.record(z.string(), z.object({ file: z.string() })).optional(),
  volumes: z.record(z.string(), z.unknown()).optional(),
});

async function compose(name: string): Promise<z.infer<typeof COMPOSE>> {
  return COMPOSE.parse(parse(await readFile(join(FOLDER, name), "utf8"), { merge: true }));
}

describe("the image", () => {
  const hadolint = tool("hadolint");
  it("has a Dockerfile without findings", { skip: hadolint.missing }, async () => {
    await run(hadolint.path, [join(ROOT, "Dockerfile")]);
  });

  it("is built of files that are there, and runs a command that the program has", async () => {
    const text = await readFile(join(ROOT, "Dockerfile"), "utf8");
    for (const [, sources = ""] of text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
      for (const source of sources.split(" ")) assert.ok(existsSync(join(ROOT, source)), source);
    }
    assert.match(text, /"health", "--config", "\/etc\/moqmesh\/relay.toml"/);
    const ignored = (await readFile(join(ROOT, ".dockerignore"), "utf8")).split("\n");
    for (const secret of [".state", ".env*", ".git"]) assert.ok(ignored.includes(secret), secret);
  });
});

describe("compose files", () => {
  const shellcheck = tool("shellcheck");
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "moqmesh-compose-"));
    await cp(FOLDER, folder, { recursive: true });
    const env = { ...process.env, MOQMESH: `${process.execPath} ${join(ROOT, "bin/moqmesh.js")}` };
    await run(join(folder, "make-secrets.sh"), { env });
  });
  after(async () => await rm(folder, { recursive: true }));

  /** Whether a mount's folder or file, or its volume, is there. */
  function isThere(mount: string, volumes: Readonly<Record<string, unknown>>): boolean {
    const [source = ""] = mount.split(":");
    if (source.startsWith("..")) return existsSync(join(FOLDER, source));
    return source.startsWith(".") ? existsSync(join(folder, source)) : source in volumes;
  }

  it("have a script of secrets without findings", { skip: shellcheck.missing }, async () => {
    await run(shellcheck.path, [join(FOLDER, "make-secrets.sh")]);
  });

  for (const name of ["compose.yml", "compose.single.yml"]) {
    it(`${name} names files, secrets, volumes and services that are there`, async () => {
      const { services, secrets = {}, volumes = {} } = await compose(name);
      for (const [service, { volumes: mounts = [], secrets: wanted = [], depends_on: needs = [] }] of Object.entries(
        services,
      )) {
        for (const mount of mounts) assert.ok(isThere(mount, volumes), `${service}: ${mount}`);
        for (const secret of wanted) assert.ok(secret in secrets, `${service}: ${secret}`);
        for (const other of needs) assert.ok(other in services, `${service}: ${other}`);
      }
      for (const { file } of Object.values(secrets)) assert.ok(existsSync(join(folder, file)), file);
    });
  }

  it("give relays configurations that they accept, with the secrets that the script makes", async () => {
    const { services, secrets = {} } = await compose("compose.yml");
    const relays = readdirSync(folder).filter((name) => name.endsWith(".toml"));
    assert.equal(relays.length, 6);
    for (const file of relays) {
      const text = await readFile(join(folder, file), "utf8");
      const named = [...text.matchAll(/"\/run\/secrets\/(\w+)"/g)].map(([, secret = ""]) => secret);
      const given = services[file.replace(/\.toml$/, "")]?.secrets ?? [];
      for (const secret of named) assert.ok(given.includes(secret), `${file} names ${secret}, which it is not given`);
      const here = text
        .replaceAll(
          /"\/run\/secrets\/(\w+)"/g,
          (_all, secret: string) => `"${join(folder, secrets[secret]?.file ?? "")}"`,
        )
        .replaceAll('"/etc/moqmesh/keys"', `"${join(folder, "secrets/keys")}"`);
      const { config } = loadConfig({ file, text: here, env: {} });
      assert.equal(config.server.port, 4443);
      assert.equal(config.http.healthPort, 4446);
    }
  });

  it("have a configuration of Prometheus that it accepts", { skip: tool("promtool").missing }, async () => {
    await run(tool("promtool").path, ["check", "config", "--syntax-only", join(FOLDER, "prometheus.yml")]);
  });

  it("scrape every relay, with the alerts that are in deploy/alerts", async () => {
    const text = await readFile(join(FOLDER, "prometheus.yml"), "utf8");
    const { services } = await compose("compose.yml");
    const relays = Object.keys(services).filter((name) => existsSync(join(FOLDER, `${name}.toml`)));
    assert.equal(relays.length, 5);
    for (const relay of relays) assert.ok(text.includes(`"${relay}:4444"`), relay);
    for (const [, file = ""] of text.matchAll(/\/etc\/prometheus\/moqmesh\/(\S+)/g))
      assert.ok(existsSync(join(ROOT, "deploy/alerts", file)), file);
  });
});

describe("the unit of systemd", () => {
  const analyze = tool("systemd-analyze");
  it("is graded under 2.0 by systemd-analyze security", { skip: analyze.missing }, async () => {
    const { stdout } = await run(analyze.path, [
      "security",
      "--offline=true",
      "--no-pager",
      join(ROOT, "deploy/systemd/moqmesh.service"),
    ]);
    const [, grade] = /Overall exposure level for moqmesh\.service: (\d+\.\d+)/.exec(stdout) ?? [];
    assert.ok(Number(grade) < 2, `${grade}`);
  });
});
