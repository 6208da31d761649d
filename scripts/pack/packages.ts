import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import * as z from "zod";
import { publishedManifest, readManifest } from "./manifest.ts";
import { binaryOf, PLATFORMS, type Platform, packageOf } from "./platforms.ts";

const run = promisify(execFile);

const LICENCES = ["LICENSE-MIT", "LICENSE-APACHE"];

/** What `npm pack --json` prints: a list, or with newer versions an object by name. */
const ENTRY = z.object({ filename: z.string(), files: z.array(z.object({ path: z.string() })) });
const PACKED = z.union([z.array(ENTRY), z.record(z.string(), ENTRY)]);

/** The platforms whose binary is in `engine/` of a checkout. */
export function builtPlatforms(checkout: string): Platform[] {
  return PLATFORMS.filter((platform) => existsSync(join(checkout, "engine", binaryOf(platform))));
}

/** Writes the package of a platform's engine into `folder`, which is emptied first. Throws when the binary is not there. */
export function writeEnginePackage(checkout: string, platform: Platform, folder: string): void {
  const { version, license } = readManifest(checkout);
  const binary = binaryOf(platform);
  empty(folder);
  copyFileSync(join(checkout, "engine", binary), join(folder, binary));
  for (const name of LICENCES) copyFileSync(join(checkout, name), join(folder, name));
  writeManifest(folder, {
    name: packageOf(platform),
    version,
    description: `The native QUIC engine of moqmesh for ${platform.name}`,
    license,
    main: binary,
    files: [binary, ...LICENCES],
    os: [platform.os],
    cpu: [platform.cpu],
    ...(platform.libc !== undefined && { libc: [platform.libc] }),
    engines: { node: ">=20" },
  });
}

/** Writes the package of the program, which must have been built, into `folder`, which is emptied first. */
export async function writeProgramPackage(checkout: string, folder: string): Promise<void> {
  const [packed] = await npmPack(checkout, ["--dry-run", "--ignore-scripts"]);
  empty(folder);
  for (const { path } of packed?.files ?? []) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    copyFileSync(join(checkout, path), join(folder, path));
  }
  writeManifest(folder, publishedManifest(readManifest(checkout)));
}

/** Packs a folder as `npm publish` would. Returns the path of the tarball, which is in `into`. */
export async function packFolder(folder: string, into: string): Promise<string> {
  const [packed] = await npmPack(folder, ["--pack-destination", into]);
  if (packed === undefined) throw new Error(`npm packed nothing in ${folder}`);
  return join(into, packed.filename);
}

async function npmPack(cwd: string, flags: readonly string[]): Promise<z.infer<typeof ENTRY>[]> {
  const { stdout } = await run("npm", ["pack", "--json", ...flags], { cwd, maxBuffer: 16 * 2 ** 20 });
  return Object.values(PACKED.parse(JSON.parse(stdout)));
}

function empty(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}

function writeManifest(folder: string, manifest: object): void {
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}
