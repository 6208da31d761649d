import assert from "node:assert/strict";
import { existsSync, globSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { loadConfig } from "../../relay/config/index.ts";
import { copyTerraform, type TerraformCopy } from "../support/tofu.ts";
import { tool } from "../support/tools.ts";

const FOLDER = resolve(import.meta.dirname, "../../terraform");
/** Every module and example. */
const FOLDERS = globSync("**/main.tf", { cwd: FOLDER, exclude: ["**/.terraform"] }).map(dirname);

// Two at once: tofu waits for the start of its plugins much of the time.
describe("terraform/", { concurrency: 2, skip: tool("tofu").missing || tool("schema-provider").missing }, () => {
  let copy: TerraformCopy;
  before(async () => {
    copy = await copyTerraform();
  });
  after(async () => await copy.remove());

  it("is formatted as tofu formats", async () => {
    await copy.run(".", "fmt", "-check", "-diff", "-recursive");
  });

  for (const folder of FOLDERS) {
    it(`${folder} is valid by the schemas of its providers, and passes its tests`, async () => {
      await copy.run(folder, "init", "-no-color");
      await copy.run(folder, "validate", "-no-color");
      if (!existsSync(join(FOLDER, folder, "tests"))) return;
      const printed = await copy.run(folder, "test", "-no-color");
      assert.match(printed, /Success! [1-9]\d* passed, 0 failed/);
    });
  }

  const faults: readonly (readonly [fault: string, from: RegExp, to: string, says: RegExp])[] = [
    [
      "an argument that does not exist",
      /update_default_version = true/,
      "update_default = true",
      /Unsupported argument/,
    ],
    ["a missing argument", / {2}max_size .*\n/, "", /"max_size" is required/],
    ["a value of the wrong type", /skip_matching {10}= true/, 'skip_matching = "often"', /a bool is required/],
    ["a block that does not exist there", /metric_dimension \{/, "dimension {", /Unsupported block type/],
    [
      "an argument in place of a block",
      /monitoring \{\s+enabled = true\s+\}/,
      "monitoring = true",
      /Unsupported argument/,
    ],
    [
      "two blocks where one may be",
      /monitoring \{\s+enabled = true\s+\}/,
      "monitoring {}\n  monitoring {}",
      /No more than 1 "monitoring" block/,
    ],
    [
      "a value that only the cloud sets",
      /update_default_version = true/,
      "latest_version = 3",
      /Value for unconfigurable attribute/,
    ],
    ["a variable that a module lacks", /termination_hook = /, "hook = ", /Unsupported argument/],
    ["an output that does not exist", /module\.alarms\.measures/, "module.alarms.measure", /Unsupported attribute/],
    [
      "an attribute that does not exist",
      /group = aws_cloudwatch_log_group\.relays\.name/,
      "group = aws_cloudwatch_log_group.relays.title",
      /Unsupported attribute/,
    ],
  ];
  it("a module that its provider would refuse is refused", async (t) => {
    const folder = "modules/aws/relay";
    const own = await copyTerraform();
    t.after(async () => await own.remove());
    const file = join(own.folder, folder, "main.tf");
    const whole = await readFile(file, "utf8");
    await own.run(folder, "init", "-no-color");
    for (const [fault, from, to, says] of faults) {
      assert.match(whole, from, fault);
      await writeFile(file, whole.replace(from, to));
      const printed = await own
        .refusal(folder, "validate", "-no-color")
        .catch((error: unknown) => assert.fail(`${fault}: ${String(error)}`));
      assert.match(printed, says, fault);
    }
  });

  it("makes configurations of relays that a relay accepts", async () => {
    const folder = "modules/topology";
    const regions = {
      eu: { cloud: "aws", location: "eu-central-1", roots: 1, origins: 1, regionals: 1, edges: 1, max: { edge: 4 } },
      us: { cloud: "google", location: "us-east4", roots: 1, edges: 1, near: ["eu"] },
    };
    const values = {
      domain: "live.example.com",
      regions,
      admin_networks: ["10.0.0.0/8"],
      cluster_networks: ["10.0.0.0/8", "fd00::/8"],
      registry: "rediss://registry.internal:6379/0",
    };
    await writeFile(join(copy.folder, folder, "values.tfvars.json"), JSON.stringify(values));
    await copy.run(folder, "init", "-no-color");
    await copy.run(folder, "apply", "-no-color", "-auto-approve", "-var-file=values.tfvars.json");
    const groups = JSON.parse(await copy.run(folder, "output", "-json", "groups")) as Record<
      string,
      { readonly name: string; readonly config: string }
    >;
    assert.deepEqual(Object.keys(groups).length, 6);
    // What a machine of a pool makes of it.
    const named = (text: string): string =>
      text.replaceAll("@ID@", "0a1b2c").replaceAll("@SERVER_ID@", "0123456789abcdef");
    for (const [name, group] of Object.entries(groups)) {
      // The files of secrets are on the relay's machine.
      const here = named(group.config).replaceAll(/^(registry|reset_key)_file = .*$/gm, "");
      const { config } = loadConfig({ file: `${name}.toml`, text: here, env: {} });
      assert.equal(config.cluster.node, named(group.name));
      assert.equal(config.server.port, 443);
      assert.equal(config.cluster.root.length, 2);
    }
  });
});

describe("Terraform modules", () => {
  it("describe each variable and output, and have a README that names them", async () => {
    assert.ok(FOLDERS.length > 5);
    for (const module of FOLDERS) {
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
