/**
 * Builds the demo page from web/src into web/dist: `node scripts/build-web.ts [--watch]`.
 *
 * Everything the page needs goes into the folder, so the page works without a network.
 */
import { cp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, context, type Metafile } from "esbuild";

const source = fileURLToPath(new URL("../web/src/", import.meta.url));
const dist = fileURLToPath(new URL("../web/dist/", import.meta.url));

/** Files that are served as they are. */
const COPIED = ["index.html", "icon.svg"];

/** Empties a folder and builds the page into it; prints the result. Rejects when a source file has an error. */
export async function buildPage(folder: string): Promise<Metafile> {
  await copyFiles(folder);
  const { metafile } = await build({ ...options(folder), metafile: true });
  return metafile;
}

function options(folder: string): BuildOptions {
  return {
    entryPoints: [join(source, "main.ts"), join(source, "main.css")],
    outdir: folder,
    bundle: true,
    format: "esm",
    minify: true,
    sourcemap: true,
    target: ["chrome120", "firefox130", "safari17.4"],
    // Sound decoders in WebAssembly for browsers without WebCodecs audio: megabytes that the relay would have to
    // serve as well. The page tells users of such a browser that they have no sound.
    external: ["@libav.js/variant-opus-af", "@kixelated/libavjs-webcodecs-polyfill"],
    legalComments: "linked",
    logLevel: "warning",
  };
}

async function copyFiles(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const file of COPIED) await cp(join(source, file), join(folder, file));
}

async function main(): Promise<void> {
  if (process.argv.includes("--watch")) {
    await copyFiles(dist);
    const watching = await context(options(dist));
    await watching.watch();
    console.log("Building web/dist at every change of a script or a style sheet; Ctrl-C stops.");
    return;
  }
  const { outputs } = await buildPage(dist);
  for (const [name, { bytes }] of Object.entries(outputs)) {
    if (!name.endsWith(".map")) console.log(`${name}  ${(bytes / 1024).toFixed(0)} KiB`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
