/** The folder outside the tree into which peers are installed, and how each registry's client installs there. */
import { execFile } from "node:child_process";
import { access, mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** `MOQMESH_INTEROP_CACHE`, or a folder in the user's cache. */
export const CACHE =
  process.env["MOQMESH_INTEROP_CACHE"] ??
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "moqmesh-interop");

/** Programs of crates, and the interpreter with the packages of PyPI. */
export const PROGRAMS = join(CACHE, "crates", "bin");
export const PYTHON = join(CACHE, "py", "bin", "python");

/** Where a console script of a package of PyPI is. */
export const script = (name: string): string => join(CACHE, "py", "bin", name);

/** The path of a file in `drivers/`. */
export const driver = (name: string): string => fileURLToPath(new URL(`drivers/${name}`, import.meta.url));

/** Bytes that a build may print. */
const MAX_OUTPUT = 64 * 2 ** 20;

/** The oldest Python that aiomoqt runs on, and newer ones; the first that is there is used. */
const PYTHONS = ["python3.12", "python3.13", "python3.14", "python3"];

export async function run(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return await promisify(execFile)(file, args, { maxBuffer: MAX_OUTPUT, env: { ...process.env, ...env } });
}

export async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/** Builds a program of crates.io. Builds share their target folder, so that common libraries are built once. */
export async function cargoInstall(crate: string, version: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const env = { CARGO_TARGET_DIR: join(CACHE, "target") };
  await run("cargo", ["install", "--root", join(CACHE, "crates"), "--version", version, crate], env);
}

/** Builds the program in a folder of `drivers/`. */
export async function cargoBuild(folder: string): Promise<void> {
  const env = { CARGO_TARGET_DIR: join(CACHE, "target") };
  await run("cargo", ["install", "--locked", "--root", join(CACHE, "crates"), "--path", driver(folder)], env);
}

export async function pipInstall(packages: Readonly<Record<string, string>>): Promise<void> {
  if (!(await exists(PYTHON))) {
    await mkdir(CACHE, { recursive: true });
    await run(await findPython(), ["-m", "venv", join(CACHE, "py")]);
  }
  const pinned = Object.entries(packages).map(([name, version]) => `${name}==${version}`);
  await run(PYTHON, ["-m", "pip", "install", "--quiet", ...pinned]);
}

async function findPython(): Promise<string> {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  for (const name of PYTHONS) {
    for (const folder of folders) {
      const path = join(folder, name);
      if (await isRecent(path)) return path;
    }
  }
  throw new Error("aiomoqt needs Python 3.12 or newer, and PATH has none");
}

async function isRecent(path: string): Promise<boolean> {
  if (!(await exists(path))) return false;
  const test = "import sys; sys.exit(sys.version_info < (3, 12))";
  return await run(path, ["-c", test]).then(
    () => true,
    () => false,
  );
}

/** Whether the interpreter of the cache has this version of a package. */
export async function pipHas(name: string, version: string): Promise<boolean> {
  const test = `import importlib.metadata as m, sys; sys.exit(m.version("${name}") != "${version}")`;
  return await run(PYTHON, ["-c", test]).then(
    () => true,
    () => false,
  );
}
