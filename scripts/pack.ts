/** Makes the npm packages as they are published, in `dist/packages`: a folder and a tarball each. Publishes nothing. */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readArguments, wrongCommandLine } from "./flags.ts";
import { builtPlatforms, packFolder, writeEnginePackage, writeProgramPackage } from "./pack/packages.ts";

const HELP = `usage: node scripts/pack.ts [engine | program]

Makes the npm packages as they are published, in dist/packages: a folder and a tarball each. Publishes nothing.

  engine    the package of each platform whose binary is in engine/
  program   builds and packs the program
            without either: both`;

const checkout = fileURLToPath(new URL("../", import.meta.url));
const packages = join(checkout, "dist", "packages");

const { positionals } = readArguments(HELP, {});
const [what = "all"] = positionals;
if (positionals.length > 1 || !["all", "engine", "program"].includes(what)) {
  wrongCommandLine(`unknown: ${positionals.join(" ")}`, HELP);
}

if (what !== "engine") {
  for (const script of ["build-web.ts", "build.ts"]) {
    const { status } = spawnSync(process.execPath, [join(checkout, "scripts", script)], { stdio: "inherit" });
    if (status !== 0) process.exit(1);
  }
}
// Without an argument, so that tarballs of another version do not stay beside these.
if (what === "all") rmSync(packages, { recursive: true, force: true });
mkdirSync(packages, { recursive: true });
if (what !== "program") {
  const platforms = builtPlatforms(checkout);
  if (platforms.length === 0) {
    console.error("there is no binary in engine/, so no engine is packed: run npm run build:engine");
    if (what === "engine") process.exit(1);
  }
  for (const platform of platforms) {
    const folder = join(packages, `engine-${platform.name}`);
    writeEnginePackage(checkout, platform, folder);
    console.log(await packFolder(folder, packages));
  }
}
if (what !== "engine") {
  const folder = join(packages, "moqmesh");
  await writeProgramPackage(checkout, folder);
  console.log(await packFolder(folder, packages));
}
