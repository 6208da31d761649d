/**
 * Bundles the program and the library into dist/ for the published package, because Node does not strip types inside node_modules. The packages
 * that they use are in the bundle, but for engines with native code: what is not used is left out, which more than halves the memory of all
 * code. dist/types has the types of the library.
 */
import { glob, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { licencesOf } from "./bundle/licences.ts";
import { bundleProgram } from "./bundle/program.ts";
import { writeTypes } from "./types/write.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const dist = join(root, "dist");

// The packages that other scripts make in dist/ stay.
for await (const name of glob(["*.js", "*.cjs", "*.js.map", "*.cjs.map", "types"], { cwd: dist })) {
  await rm(join(dist, name), { recursive: true });
}
const { inputs, bytes } = await bundleProgram(dist);
await writeFile(join(dist, "LICENSES.txt"), await licencesOf(inputs, root));
await writeTypes(join(dist, "types"));
console.log(`dist/moqmesh.js and the files that it loads: ${(bytes / 1024).toFixed(0)} KiB`);
