import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { configValuesType } from "./config-values.ts";

const run = promisify(execFile);

const root = fileURLToPath(new URL("../../", import.meta.url));

/** What the compiler makes of `embed/`. No other file of it is part of the package, so its types stand alone. */
const DECLARATIONS = ["index.d.ts", "contract.d.ts"];

/** Writes the types of the package into `folder`. */
export async function writeTypes(folder: string): Promise<void> {
  const made = await mkdtemp(join(tmpdir(), "moqmesh-types-"));
  try {
    const compiler = join(root, "node_modules", ".bin", "tsc");
    await run(compiler, ["-p", join(root, "scripts", "types"), "--outDir", made], { cwd: root });
    await mkdir(folder, { recursive: true });
    for (const name of DECLARATIONS) {
      const text = await readFile(join(made, "embed", name), "utf8");
      await writeFile(join(folder, name), withPublishedPaths(text));
    }
    await writeFile(join(folder, "config-values.d.ts"), configValuesType());
  } finally {
    await rm(made, { recursive: true });
  }
}

/** Sources import each other as `.ts`, and the package has `.js`. */
function withPublishedPaths(text: string): string {
  return text.replaceAll(/(from "\.\/[\w-]+)\.ts"/g, '$1.js"');
}
