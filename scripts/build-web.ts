/**
 * Builds the demo page and the dashboard from web/src into web/dist: `node scripts/build-web.ts [--watch]`.
 *
 * Everything that a page needs goes into its folder, so it works without a network.
 */
import { cp, mkdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, context, type Metafile } from "esbuild";

const source = fileURLToPath(new URL("../web/src/", import.meta.url));
const dist = fileURLToPath(new URL("../web/dist/", import.meta.url));

/** A page: its folder in web/src, its folder in web/dist, and the files that are served as they are. */
interface Page {
  readonly from: string;
  readonly to: string;
  readonly copied: readonly string[];
}

export const DEMO: Page = { from: "", to: "demo", copied: ["index.html", "icon.svg"] };
export const DASHBOARD: Page = { from: "dashboard", to: "dashboard", copied: ["dashboard/index.html", "icon.svg"] };

/** Empties a folder and builds a page into it. Rejects when a source file has an error. */
export async function buildPage(folder: string, page: Page = DEMO): Promise<Metafile> {
  await copyFiles(folder, page);
  const { metafile } = await build({ ...options(folder, page), metafile: true });
  return metafile;
}

function options(folder: string, { from }: Page): BuildOptions {
  return {
    entryPoints: [join(source, from, "main.ts"), join(source, from, "main.css")],
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

async function copyFiles(folder: string, { copied }: Page): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const file of copied) await cp(join(source, file), join(folder, basename(file)));
}

async function main(): Promise<void> {
  await rm(dist, { recursive: true, force: true });
  for (const page of [DEMO, DASHBOARD]) {
    const folder = join(dist, page.to);
    if (process.argv.includes("--watch")) {
      await copyFiles(folder, page);
      const watching = await context(options(folder, page));
      await watching.watch();
      continue;
    }
    const { outputs } = await buildPage(folder, page);
    for (const [name, { bytes }] of Object.entries(outputs)) {
      if (!name.endsWith(".map")) console.log(`${name}  ${(bytes / 1024).toFixed(0)} KiB`);
    }
  }
  if (process.argv.includes("--watch"))
    console.log("Building web/dist at every change of a script or a style sheet; Ctrl-C stops.");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
