/** The bundle of the program and of the library. */
import { glob, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { EXTERNAL } from "./external.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Characters after which a line may end: a line of a stack still says which part of a file it is in. */
const LINE = 160;

const COMMON: BuildOptions = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: "node",
  target: "node24",
  sourcemap: true,
  sourcesContent: false,
  // Not `keepNames`: it gives each closure a table of properties of its own, which was 10 KB for each viewer.
  legalComments: "none",
  // V8 keeps the text of what it runs, a third of which would be indentation. Names stay, because stacks and samples show them.
  minifyWhitespace: true,
  lineLimit: LINE,
  logLevel: "warning",
};

export interface Bundled {
  /** Paths of the files that are in it. */
  readonly inputs: readonly string[];
  /** Bytes of its JavaScript. */
  readonly bytes: number;
}

/** Writes `moqmesh.js`, `index.js` and what they load into the folder `outdir`. */
export async function bundleProgram(outdir: string): Promise<Bundled> {
  const { metafile } = await build({
    ...COMMON,
    outdir,
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
    outdir,
    entryPoints: { "health-port": "relay/health/port-thread.ts" },
    format: "cjs",
    outExtension: { ".js": ".cjs" },
  });
  let bytes = 0;
  for await (const name of glob("*.{js,cjs}", { cwd: outdir })) {
    const text = await readFile(join(outdir, name), "utf8");
    // V8 needs two bytes for each character of a file that has one beyond Latin-1. esbuild leaves such characters in comments alone.
    await writeFile(join(outdir, name), text.replaceAll(/[^\0-\x7f]/g, "?"));
    bytes += text.length;
  }
  return { inputs: Object.keys(metafile.inputs), bytes };
}
