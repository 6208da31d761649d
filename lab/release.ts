/** Another version of the program, from the history of this repository, to run beside this one. */
import { type ExecFileException, execFile } from "node:child_process";
import { copyFile, glob, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BenchError } from "../bench/system/error.ts";

const run = promisify(execFile);

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** What the program is made of. */
const PROGRAM_PATHS = ["bin", "cli", "relay", "cluster", "auth", "transport", "moq", "engine"];

/** What the native engine is built from. */
const ENGINE_SOURCES = ["engine/Cargo.toml", "engine/Cargo.lock", "engine/build.rs", "engine/src"];

/** Bytes of a whole checkout as an archive, at most. */
const ARCHIVE_BYTES = 256 * 2 ** 20;

/** Milliseconds for packages or an engine to be made. */
const BUILD_MS = 20 * 60 * 1_000;

export interface Release {
  /** Its commit, such as `7579ce5 of 2026-11-29`. */
  readonly name: string;
  /** Path of its `bin/moqmesh.js`. */
  readonly program: string;
}

/**
 * The commit to compare with: `wanted`, or the newest tag before this version, or without tags the commit before the last change of the program.
 * Rejects with a {@link BenchError} when the history has none.
 */
export async function earlierCommit(wanted?: string): Promise<string> {
  if (wanted !== undefined) {
    const found = await git("rev-parse", "--verify", "--quiet", `${wanted}^{commit}`).catch(() => undefined);
    if (found === undefined) throw new BenchError(`${wanted} is no commit or tag of this repository`);
    return found;
  }
  const tag = await git("describe", "--tags", "--abbrev=0", "HEAD^").catch(() => undefined);
  if (tag !== undefined) return await git("rev-parse", `${tag}^{commit}`);
  const changed = await git("rev-list", "-1", "HEAD", "--", ...PROGRAM_PATHS).catch(() => "");
  const before = await git("rev-parse", "--verify", "--quiet", `${changed}^`).catch(() => undefined);
  if (changed === "" || before === undefined)
    throw new BenchError(
      "the history of this repository has no earlier version of the program: it may be a shallow clone",
    );
  return before;
}

/** The line of the program that lists the versions of the wire between relays, and its file. */
const WIRE_VERSIONS = { line: "^const MESH = ", file: "moq/wire/lite/versions.ts" };

/** The newest commit whose relays have another newest version of the wire between relays; undefined where the history has none. */
export async function commitBeforeWire(): Promise<string | undefined> {
  const { line, file } = WIRE_VERSIONS;
  const changed = await git("log", "-1", "--format=%H", `-G${line}`, "HEAD", "--", file).catch(() => "");
  if (changed === "") return undefined;
  return await git("rev-parse", "--verify", "--quiet", `${changed}^`).catch(() => undefined);
}

/** The name of this version: its commit, and whether files have changed since. */
export async function presentName(): Promise<string> {
  const changes = await git("status", "--porcelain", "--", ...PROGRAM_PATHS);
  return `${await nameOf("HEAD")}${changes === "" ? "" : " with changes"}`;
}

/** What a checkout of the commit cannot take from this one: the npm packages, the native engine. */
export async function differences(commit: string): Promise<("packages" | "engine")[]> {
  const same = async (paths: readonly string[]) =>
    await git("diff", "--quiet", commit, "--", ...paths).then(
      () => true,
      () => false,
    );
  const [packages, engine] = await Promise.all([same(["package-lock.json"]), same(ENGINE_SOURCES)]);
  return [...(packages ? [] : ["packages" as const]), ...(engine ? [] : ["engine" as const])];
}

/**
 * Writes the files of a commit into a new folder with all that its program needs to run: the packages of this checkout if it has the same lock
 * file, the engine of this checkout if it has the same sources; else both are made. Rejects with a {@link BenchError}.
 */
export async function checkOut(commit: string, folder: string, say: (what: string) => void): Promise<Release> {
  await mkdir(folder, { recursive: true });
  const archive = join(folder, "files.tar");
  await git("archive", "--format=tar", `--output=${archive}`, commit, ".", ":!docs", ":!test");
  await command("tar", ["-xf", archive], folder);
  const different = await differences(commit);
  if (different.includes("packages")) {
    say("installing the packages of the other version");
    await command("npm", ["ci", "--no-audit", "--no-fund"], folder, { MOQMESH_SKIP_ENGINE: "1" });
  } else {
    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  }
  if (different.includes("engine")) {
    say("building the engine of the other version");
    await command(process.execPath, ["scripts/build-engine.js"], folder);
  } else {
    const own = join(ROOT, "engine");
    for await (const name of glob("*.node", { cwd: own }))
      await copyFile(join(own, name), join(folder, "engine", name));
  }
  return { name: await nameOf(commit), program: join(folder, "bin/moqmesh.js") };
}

async function nameOf(commit: string): Promise<string> {
  return await git("log", "-1", "--format=%h of %cs", commit);
}

async function git(...args: string[]): Promise<string> {
  return (await run("git", args, { cwd: ROOT, maxBuffer: ARCHIVE_BYTES })).stdout.trim();
}

async function command(file: string, args: string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<void> {
  try {
    await run(file, args, { cwd, timeout: BUILD_MS, maxBuffer: ARCHIVE_BYTES, env: { ...process.env, ...env } });
  } catch (error) {
    const { message, stderr } = error as ExecFileException & { stderr?: string };
    throw new BenchError(`${file} ${args.join(" ")} failed in ${cwd}: ${stderr?.trim() || message}`);
  }
}
