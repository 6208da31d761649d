import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { arch, tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { tool } from "./tools.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** A copy of terraform/ in which tofu runs: it leaves files where it runs. */
export interface TerraformCopy {
  /** The copy's terraform/. */
  readonly folder: string;
  /** Runs tofu in a folder below it; fails with what tofu prints. */
  run(folder: string, ...args: readonly string[]): Promise<string>;
  /** What tofu prints when it fails in a folder; fails if it succeeds. */
  refusal(folder: string, ...args: readonly string[]): Promise<string>;
  remove(): Promise<void>;
}

/** Copies terraform/ and what it reads. tofu finds, in place of the clouds' plugins, `schema-provider` with the schemas in terraform/schemas. */
export async function copyTerraform(): Promise<TerraformCopy> {
  const copy = await mkdtemp(join(tmpdir(), "moqmesh-terraform-"));
  for (const part of ["terraform", "deploy/sysctl.d"]) {
    await cp(join(ROOT, part), join(copy, part), { recursive: true, filter: (path) => !path.includes("/.terraform") });
  }
  const settings = join(copy, "tofurc");
  await writeFile(
    settings,
    `provider_installation {\n  filesystem_mirror {\n    path = "${await mirror(join(copy, "mirror"))}"\n  }\n}\n`,
  );
  const env = { ...process.env, TF_CLI_CONFIG_FILE: settings, TF_IN_AUTOMATION: "1", CHECKPOINT_DISABLE: "1" };
  const folder = join(copy, "terraform");
  const start = async (at: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
    await promisify(execFile)(tool("tofu").path, [`-chdir=${join(folder, at)}`, ...args], {
      env,
      maxBuffer: 64 * 1024 * 1024,
    });
  return {
    folder,
    run: async (at, ...args) =>
      await start(at, args).then(
        ({ stdout }) => stdout,
        (error: unknown) => {
          const { stdout, stderr } = error as { stdout: string; stderr: string };
          assert.fail(`tofu ${args.join(" ")} in ${at}\n${stdout}\n${stderr}`);
        },
      ),
    refusal: async (at, ...args) =>
      await start(at, args).then(
        ({ stdout }) => assert.fail(`tofu ${args.join(" ")} in ${at} succeeds\n${stdout}`),
        (error: unknown) => {
          const { stdout, stderr } = error as { stdout: string; stderr: string };
          return `${stdout}\n${stderr}`;
        },
      ),
    remove: async () => await rm(copy, { recursive: true }),
  };
}

/** A mirror of plugins as tofu wants it: for each provider and version a program, here one that starts `schema-provider` with its schema. */
async function mirror(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const file of globSync("terraform/schemas/*.json", { cwd: ROOT })) {
    const { source, version } = JSON.parse(readFileSync(join(ROOT, file), "utf8")) as {
      source: string;
      version: string;
    };
    const address = `registry.opentofu.org/${source}`;
    const program = join(
      folder,
      address,
      version,
      `linux_${arch() === "x64" ? "amd64" : arch()}`,
      `terraform-provider-${basename(source)}_v${version}`,
    );
    await mkdir(dirname(program), { recursive: true });
    await writeFile(program, `#!/bin/sh\nexec "${tool("schema-provider").path}" ${address} "${join(ROOT, file)}"\n`);
    await chmod(program, 0o755);
  }
  return folder;
}
