/** A user's machine: an environment without what this checkout adds to it, and the packages as they are published. */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { copyCheckout } from "../../support/checkout.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Variables and folders of `PATH` that npm, Node's test runner and this checkout add. */
export const userEnv: NodeJS.ProcessEnv = Object.fromEntries(
  Object.entries({ ...process.env, PATH: userPath() }).filter(
    ([name]) => !/^(npm_|NODE_|MOQMESH_|INIT_CWD$)/.test(name),
  ),
);

function userPath(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders
    .filter((folder) => !folder.includes("node_modules") && !folder.includes("node-gyp-bin"))
    .join(delimiter);
}

export interface Packages {
  /** The tarball of the program. */
  readonly program: string;
  /** The tarballs of engines, by platform. */
  readonly engines: ReadonlyMap<string, string>;
}

/** Files of `dist/` before the packages are made: the first two are of earlier builds, the last is the Debian package. */
export const BEFORE = ["old-CHUNK.js", "packages/moqmesh-0.0.1.tgz", "debian/moqmesh.deb"];

/** Packs a copy of the checkout, which is put into `source`, and in which {@link BEFORE} is. */
export async function packCheckout(source: string): Promise<Packages> {
  await copyCheckout(source);
  for (const name of BEFORE) {
    const file = join(source, "dist", name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, "");
  }
  const path = [join(root, "node_modules", ".bin"), userEnv["PATH"] ?? ""].join(delimiter);
  const { stdout } = await run(process.execPath, [join(source, "scripts", "pack.ts")], {
    cwd: source,
    env: { ...userEnv, PATH: path },
  });
  const tarballs = stdout.split("\n").filter((line) => line.endsWith(".tgz"));
  const engines = new Map<string, string>();
  let program = "";
  for (const tarball of tarballs) {
    const [, platform] = /moqmesh-engine-(.+)-\d+\.\d+\.\d+\.tgz$/.exec(tarball) ?? [];
    if (platform === undefined) program = tarball;
    else engines.set(platform, tarball);
  }
  return { program, engines };
}
