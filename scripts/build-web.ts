/**
 * Builds the demo page from web/src into web/dist: `node scripts/build-web.ts [--watch]`.
 *
 * Everything the page needs goes into the folder, so it works without a network.
 */
import { cp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, context, type Metafile } from "esbuild";

const source = fileURLToPath(new URL("../web/src/", import.meta.url));
const dist = fileURLToPath(new URL("../web/dist/", import.meta.url));

/** Files that are served as they are. */
const COPIED = ["index.html", "icon.svg"];

/** Builds the page into a folder, which is emptied first, and tells what came out. Rejects when a source is wrong. */
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
    // Sound decoders in WebAssembly for browsers without WebCodecs audio: megabytes that would have to be served as
    // well. The page says that such a browser has no sound.
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
    console.log("Building web/dist at every change of a script or a style sheet; Ctrl-C ends it.");
    return;
  }
  const { outputs } = await buildPage(dist);
  for (const [name, { bytes }] of Object.entries(outputs)) {
    if (!name.endsWith(".map")) console.log(`${name}  ${(bytes / 1024).toFixed(0)} KiB`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
