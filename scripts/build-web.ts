/**
 * Builds the demo page from web/src into web/dist: `node scripts/build-web.ts [--watch]`.
 *
 * Everything the page needs goes into web/dist, so it works without a network.
 */
import { cp, mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, context } from "esbuild";

const source = fileURLToPath(new URL("../web/src/", import.meta.url));
const target = fileURLToPath(new URL("../web/dist/", import.meta.url));

/** Files that are served as they are. */
const COPIED = ["index.html", "icon.svg"];

const options: BuildOptions = {
  entryPoints: [`${source}main.ts`, `${source}main.css`],
  outdir: target,
  bundle: true,
  format: "esm",
  minify: true,
  sourcemap: true,
  target: ["chrome120", "firefox130", "safari17.4"],
  // Sound decoders in WebAssembly for browsers without WebCodecs audio: megabytes that would have to be served as well.
  // The page says that such a browser has no sound.
  external: ["@libav.js/variant-opus-af", "@kixelated/libavjs-webcodecs-polyfill"],
  legalComments: "linked",
  logLevel: "warning",
};

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
for (const file of COPIED) await cp(`${source}${file}`, `${target}${file}`);

if (process.argv.includes("--watch")) {
  const watching = await context(options);
  await watching.watch();
  console.log("Building web/dist at every change of a script or a style sheet; Ctrl-C ends it.");
} else {
  const { metafile } = await build({ ...options, metafile: true });
  for (const [name, { bytes }] of Object.entries(metafile.outputs)) {
    if (!name.endsWith(".map")) console.log(`${name}  ${(bytes / 1024).toFixed(0)} KiB`);
  }
}
