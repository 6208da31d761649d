/**
 * Bundles the program and the library into dist/ for the published package, because Node does not strip types inside node_modules. The packages
 * that they use are in the bundle, but for engines with native code: what is not used is left out, which more than halves the memory of all
 * code. dist/types has the types of the library.
 */
import { glob, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { EXTERNAL } from "./bundle/external.ts";
import { licencesOf } from "./bundle/licences.ts";
import { writeTypes } from "./types/write.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const dist = join(root, "dist");

const COMMON: BuildOptions = {
  absWorkingDir: root,
  outdir: dist,
  bundle: true,
  platform: "node",
  target: "node24",
  sourcemap: true,
  sourcesContent: false,
  // Not `keepNames`: it gives each closure a table of properties of its own, which was 10 KB for each viewer.
  legalComments: "none",
  logLevel: "warning",
};

// The packages that other scripts make in dist/ stay.
for await (const name of glob(["*.js", "*.cjs", "*.js.map", "*.cjs.map", "types"], { cwd: dist })) {
  await rm(join(dist, name), { recursive: true });
}
const { metafile } = await build({
  ...COMMON,
  entryPoints: { moqmesh: "cli/main.ts", index: "embed/index.ts" },
  // Commands and engines are loaded when they are used.
  splitting: true,
  chunkNames: "[name]-[hash]",
  external: [...EXTERNAL],
  format: "esm",
  // For packages in CommonJS.
  banner: {
    js: 'import { createRequire as $createRequire } from "node:module"; const require = $createRequire(import.meta.url);',
  },
  metafile: true,
});
await build({
  ...COMMON,
  entryPoints: { "health-port": "relay/health/port-thread.ts" },
  format: "cjs",
  outExtension: { ".js": ".cjs" },
});
let bytes = 0;
for await (const name of glob("*.{js,cjs}", { cwd: dist })) {
  const text = await readFile(join(dist, name), "utf8");
  // V8 needs two bytes for each character of a file that has one beyond Latin-1. esbuild leaves such characters in comments alone.
  await writeFile(join(dist, name), text.replaceAll(/[^\0-\x7f]/g, "?"));
  bytes += text.length;
}
await writeFile(join(dist, "LICENSES.txt"), await licencesOf(Object.keys(metafile.inputs), root));
await writeTypes(join(dist, "types"));
console.log(`dist/moqmesh.js and the files that it loads: ${(bytes / 1024).toFixed(0)} KiB`);
