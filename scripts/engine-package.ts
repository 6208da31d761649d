/**
 * Makes the npm package of one platform's binary in `dist/engine/PLATFORM`:
 * `node scripts/engine-package.ts PLATFORM OS CPU [LIBC]`. The binary must be in `engine/` already.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const [platform, os, cpu, libc] = process.argv.slice(2);
if (platform === undefined || os === undefined || cpu === undefined) {
  console.error("usage: node scripts/engine-package.ts PLATFORM OS CPU [LIBC]");
  process.exit(2);
}

const { version, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  version: string;
  license: string;
};
const binary = `moqmesh-engine.${platform}.node`;
const folder = join(root, "dist", "engine", platform);
mkdirSync(folder, { recursive: true });
copyFileSync(join(root, "engine", binary), join(folder, binary));
for (const name of ["LICENSE-MIT", "LICENSE-APACHE"]) copyFileSync(join(root, name), join(folder, name));
const manifest = {
  name: `@moqmesh/engine-${platform}`,
  version,
  description: `The native QUIC engine of moqmesh for ${platform}`,
  license,
  main: binary,
  files: [binary, "LICENSE-MIT", "LICENSE-APACHE"],
  os: [os],
  cpu: [cpu],
  ...(libc !== undefined && libc !== "" && { libc: [libc] }),
  engines: { node: ">=20" },
};
writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
console.log(`${folder}: ${manifest.name}@${version}`);
