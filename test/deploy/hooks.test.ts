/** The hooks of deploy/hooks, with programs of clouds and routers replaced by ones that note how they are called. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { awsReply, MetadataServer } from "../support/metadata-server.ts";
import { tool } from "../support/tools.ts";

const HOOKS = resolve(import.meta.dirname, "../../deploy/hooks");
const run = promisify(execFile);

let folder = "";
let calls = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "moqmesh-hooks-"));
  calls = join(folder, "calls");
});
after(() => rm(folder, { recursive: true, force: true }));

/** Puts a program first in PATH that notes its arguments and prints `output`. */
async function fake(name: string, output: string): Promise<void> {
  await writeFile(calls, "");
  await writeFile(join(folder, name), `#!/bin/sh\necho "${name} $*" >> ${calls}\ncat <<'END'\n${output}\nEND\n`);
  await chmod(join(folder, name), 0o755);
}

const hook = async (name: string, args: readonly string[], env: Readonly<Record<string, string>>) =>
  await run(join(HOOKS, name), args, { env: { ...process.env, PATH: `${folder}:${process.env["PATH"]}`, ...env } });

const called = async () => (await readFile(calls, "utf8")).trim();

describe("anycast-bird.sh", () => {
  const answer = (text: string) => fake("birdc", `BIRD 2.0.12 ready.\n${text}`);
  const bird = (state: string) => hook("anycast-bird.sh", ["anycast4"], { MOQMESH_STATE: state, BIRD_SOCKET: "/s" });

  test("enables the protocol while the relay is ready, and disables it otherwise", async () => {
    for (const [state, action, said] of [
      ["ready", "enable", "anycast4: enabled"],
      ["not_ready", "disable", "anycast4: disabled"],
      ["not_ready", "disable", "anycast4: already disabled"],
    ] as const) {
      await answer(said);
      await bird(state);
      assert.equal(await called(), `birdc -s /s ${action} anycast4`);
    }
  });

  test("fails with the words of BIRD when BIRD does not obey", async () => {
    await answer("Unknown protocol");
    await assert.rejects(bird("not_ready"), /Unknown protocol/);
    await answer("anycast4: already disabled");
    await assert.rejects(bird("ready"));
  });
});

describe("aws-complete-lifecycle.sh", { skip: tool("curl").missing }, () => {
  test("ends the wait of the lifecycle hook of an instance that ends, and of no other", async () => {
    const server = await MetadataServer.open();
    try {
      const entries = new Map([
        ["autoscaling/target-lifecycle-state", "InService"],
        ["instance-id", "i-0abc"],
        ["placement/region", "eu-central-1"],
      ]);
      const known = awsReply(entries);
      server.reply = (request) => (request.method === "PUT" ? { text: "the-token" } : known(request));
      const aws = () => hook("aws-complete-lifecycle.sh", ["drain", "edges"], { IMDS_URL: server.url });
      await fake("aws", "");
      assert.match((await aws()).stdout, /InService/);
      assert.equal(await called(), "");
      entries.set("autoscaling/target-lifecycle-state", "Terminated");
      await aws();
      assert.equal(
        await called(),
        "aws autoscaling complete-lifecycle-action --region eu-central-1 --auto-scaling-group-name edges --lifecycle-hook-name drain --instance-id i-0abc --lifecycle-action-result CONTINUE",
      );
    } finally {
      server.close();
    }
  });
});

const shellcheck = tool("shellcheck");
test("shellcheck finds nothing in the hooks", { skip: shellcheck.missing }, async () => {
  const { stdout } = await run(shellcheck.path, ["anycast-bird.sh", "aws-complete-lifecycle.sh"], { cwd: HOOKS });
  assert.equal(stdout, "");
});

const bird = tool("bird");
test("BIRD reads the example of its configuration, whose protocol is the one that the unit withdraws", async (t) => {
  const root = resolve(HOOKS, "../..");
  const unit = await readFile(join(root, "deploy/systemd/moqmesh-anycast.conf"), "utf8");
  const example = await readFile(join(root, "deploy/anycast/bird.conf"), "utf8");
  const [, name = ""] = /anycast-bird\.sh (\w+)\n/.exec(unit) ?? [];
  assert.ok(example.includes(`protocol static ${name} {\n  disabled;`));
  assert.ok(example.includes(`export where proto = "${name}"`));
  if (bird.missing !== false) t.skip(bird.missing);
  else await run(bird.path, ["-p", "-c", join(root, "deploy/anycast/bird.conf")]);
});
