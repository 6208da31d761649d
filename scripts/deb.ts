/**
 * Makes the Debian package of this machine's architecture in `dist/debian`, with the program, its engine and Node inside. It needs `dpkg-deb`, a
 * build of the engine, and the packages of `npm ci`. Publishes nothing.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildDebianPackage } from "./deb/package.ts";
import { readArguments, wrongCommandLine } from "./flags.ts";

const HELP = `usage: node scripts/deb.ts

Builds the program and makes its Debian package in dist/debian, for the architecture of this machine.`;

const { positionals } = readArguments(HELP, {});
if (positionals.length > 0) wrongCommandLine(`unknown: ${positionals.join(" ")}`, HELP);

const checkout = fileURLToPath(new URL("../", import.meta.url));
for (const script of ["build-web.ts", "build.ts"]) {
  const { status } = spawnSync(process.execPath, [join(checkout, "scripts", script)], { stdio: "inherit" });
  if (status !== 0) process.exit(1);
}
const folder = join(checkout, "dist", "debian");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
console.log(await buildDebianPackage(checkout, folder));
