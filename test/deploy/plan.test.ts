/** The topology that `moqmesh plan` prints, read by OpenTofu. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { runProgram } from "../../cli/main.ts";
import { loadConfig } from "../../relay/config/index.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { recordedIo } from "../cli/support/io.ts";
import { tool } from "../support/tools.ts";

const tofu = tool("tofu");
const MODULE = resolve(import.meta.dirname, "../../terraform/modules/topology");

interface PlanJson {
  readonly relays: number;
  readonly tiers: readonly {
    readonly region: string;
    readonly tier: string;
    readonly relays: number;
    readonly size: string | null;
  }[];
}

interface Outputs {
  readonly relays: { readonly value: Readonly<Record<string, MadeRelay>> };
  readonly configs: { readonly value: Readonly<Record<string, string>> };
}

interface MadeRelay {
  readonly region: string;
  readonly role: string;
  readonly size: string | null;
}

async function plan(...args: readonly string[]): Promise<string> {
  const io = recordedIo();
  assert.equal(await runProgram(["plan", ...args], io), 0, io.stderr());
  return io.stdout();
}

const AUDIENCES: Readonly<Record<string, readonly string[]>> = {
  "a cloud's machines, in a number of regions": ["--viewers=20k", "--bitrate=4M", "--regions=3", "--cloud=aws"],
  "named regions that survive the loss of one": [
    "--viewers=9000",
    "--bitrate=2M",
    "--regions=eu=2,us,lab:west",
    "--survive=region",
    "--cloud=google",
  ],
  "machines of one's own": ["--viewers=3000", "--bitrate=1M", "--broadcasts=300", "--cores=4", "--name=show"],
};

describe("the variables of a plan", { skip: tofu.missing }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "moqmesh-plan-"));
    await cp(MODULE, folder, { recursive: true, filter: (path) => !path.includes("/.terraform") });
    await run("init", "-no-color");
  });
  after(async () => await rm(folder, { recursive: true }));

  async function run(...args: readonly string[]): Promise<string> {
    const { TF_CLI_CONFIG_FILE: _file, ...rest } = process.env;
    const env = { ...rest, TF_IN_AUTOMATION: "1", CHECKPOINT_DISABLE: "1" };
    const command = [`-chdir=${folder}`, ...args];
    return (await promisify(execFile)(tofu.path, command, { env, maxBuffer: 64 * 2 ** 20 })).stdout;
  }

  for (const [name, args] of Object.entries(AUDIENCES)) {
    it(`make the relays of the plan: ${name}`, { timeout: patient(60_000) }, async () => {
      const file = join(folder, "plan.tfvars");
      await writeFile(file, await plan(...args, "--domain=live.example.com", "--tfvars"));
      await run("fmt", "-check", "plan.tfvars");
      await run("apply", "-no-color", "-auto-approve", `-var-file=${file}`);
      const { relays, configs } = JSON.parse(await run("output", "-json")) as Outputs;
      const made = Object.values(relays.value);
      const wanted = JSON.parse(await plan(...args, "--json")) as PlanJson;
      assert.equal(made.length, wanted.relays);
      for (const { region, tier, relays: count, size } of wanted.tiers) {
        const same = made.filter((relay) => relay.region === region && relay.role === tier);
        assert.equal(same.length, count, `${region} ${tier}`);
        for (const relay of same) assert.equal(relay.size, size);
      }
      for (const [relay, text] of Object.entries(configs.value)) {
        const { config } = loadConfig({ file: `${relay}.toml`, text, env: {} });
        assert.ok(config.limits.sessions >= 100);
      }
    });
  }
});
