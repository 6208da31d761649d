import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { before, describe, it } from "node:test";
import { promisify } from "node:util";
import { loadConfig } from "../../relay/config/index.ts";
import { tool } from "../support/tools.ts";

const tofu = tool("tofu");
const FOLDER = resolve(import.meta.dirname, "../../terraform");

/** Runs tofu in a folder; fails with what it prints. */
async function run(folder: string, ...args: readonly string[]): Promise<string> {
  const { TF_CLI_CONFIG_FILE: _file, ...rest } = process.env;
  const env = { ...rest, TF_IN_AUTOMATION: "1", CHECKPOINT_DISABLE: "1" };
  const settled = promisify(execFile)(tofu.path, [`-chdir=${folder}`, ...args], { env, maxBuffer: 64 * 1024 * 1024 });
  return await settled.then(
    ({ stdout }) => stdout,
    (error: unknown) => {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      assert.fail(`tofu ${args.join(" ")}\n${stdout}\n${stderr}`);
    },
  );
}

describe("terraform/", { skip: tofu.missing }, () => {
  let copy: string;
  before(async () => {
    // tofu leaves files where it runs.
    copy = await mkdtemp(join(tmpdir(), "moqmesh-terraform-"));
    await cp(FOLDER, copy, { recursive: true, filter: (path) => !path.includes("/.terraform") });
    return async () => await rm(copy, { recursive: true });
  });

  it("is formatted as tofu formats", async () => {
    await run(copy, "fmt", "-check", "-diff", "-recursive");
  });

  for (const folder of globSync("modules/*/tests", { cwd: FOLDER }).map(dirname)) {
    it(`${folder} passes its tests`, async () => {
      await run(join(copy, folder), "init", "-no-color");
      const printed = await run(join(copy, folder), "test", "-no-color");
      assert.match(printed, /Success! \d+ passed, 0 failed/);
    });
  }

  it("makes configurations of relays that a relay accepts", async () => {
    const folder = join(copy, "modules/topology");
    const regions = {
      eu: { cloud: "aws", location: "eu-central-1", roots: 1, origins: 1, regionals: 1, edges: 1 },
      us: { cloud: "google", location: "us-east4", roots: 1, edges: 1, near: ["eu"] },
    };
    const values = {
      domain: "live.example.com",
      regions,
      admin_networks: ["10.0.0.0/8"],
      cluster_networks: ["10.0.0.0/8", "fd00::/8"],
      registry: "rediss://registry.internal:6379/0",
    };
    await writeFile(join(folder, "values.tfvars.json"), JSON.stringify(values));
    await run(folder, "init", "-no-color");
    await run(folder, "apply", "-no-color", "-auto-approve", "-var-file=values.tfvars.json");
    const configs = JSON.parse(await run(folder, "output", "-json", "configs")) as Record<string, string>;
    assert.deepEqual(Object.keys(configs).length, 6);
    for (const [name, text] of Object.entries(configs)) {
      // The files of secrets are on the relay's machine.
      const here = text.replaceAll(/^registry_file = .*$/gm, "");
      const { config } = loadConfig({ file: `${name}.toml`, text: here, env: {} });
      assert.equal(config.cluster.node, name);
      assert.equal(config.server.port, 443);
      assert.equal(config.cluster.root.length, 2);
    }
  });
});

describe("Terraform modules", () => {
  const modules = globSync("modules/*", { cwd: FOLDER });

  it("describe each variable and output, and have a README that names them", async () => {
    assert.ok(modules.length > 0);
    for (const module of modules) {
      const sources = await Promise.all(
        globSync("*.tf", { cwd: join(FOLDER, module) }).map((name) => readFile(join(FOLDER, module, name), "utf8")),
      );
      const text = sources.join("\n");
      const readme = join(FOLDER, module, "README.md");
      assert.ok(existsSync(readme), `${module} has no README.md`);
      const page = await readFile(readme, "utf8");
      for (const [, kind, name, body = ""] of text.matchAll(/^(variable|output) "(\w+)" \{\n([\s\S]*?)^\}/gm)) {
        assert.match(body, /description/, `${module}: ${kind} ${name} has no description`);
        assert.ok(page.includes(`\`${name}\``), `${readme} does not name ${kind} ${name}: npm run docs:terraform`);
      }
    }
  });
});
