/**
 * Bundles the program and the library into dist/ for the published package, because Node does not strip types inside node_modules. Packages are
 * not bundled; they stay dependencies. dist/types has the types of the library.
 */
import { glob, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { writeTypes } from "./types/write.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

// The packages that other scripts make in dist/ stay.
for await (const name of glob(["*.js", "*.js.map", "types"], { cwd: `${root}dist` })) {
  await rm(`${root}dist/${name}`, { recursive: true });
}
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { moqmesh: "cli/main.ts", index: "embed/index.ts", "health-port": "relay/health/port-thread.ts" },
  outdir: "dist",
  bundle: true,
  // Commands and engines are loaded when they are used.
  splitting: true,
  chunkNames: "[name]-[hash]",
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node24",
  sourcemap: true,
  sourcesContent: false,
  keepNames: true,
  logLevel: "warning",
  metafile: true,
});
await writeTypes(`${root}dist/types`);
const bytes = Object.entries(metafile.outputs).reduce(
  (sum, [name, output]) => sum + (name.endsWith(".js") ? output.bytes : 0),
  0,
);
console.log(`dist/moqmesh.js and the files that it loads: ${(bytes / 1024).toFixed(0)} KiB`);
