#!/usr/bin/env node
// Starts the program under Node 24 or newer. Plain JavaScript that Node 20 understands: an older Node that started this file replaces its
// process by the Node 24 that was installed beside the package. `bin/moqmesh` finds that Node without starting the older one.
import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";

const NEEDED_MAJOR = 24;

const self = realpathSync(fileURLToPath(import.meta.url));
const root = dirname(dirname(self));
const require = createRequire(self);

/** Sources in a checkout, the bundle in an installed package. `npm test` makes a bundle of its checkout. */
function program() {
  const tested = join(root, ".tested", "moqmesh.js");
  if (process.env["MOQMESH_TESTED"] === "bundle" && existsSync(tested)) return tested;
  const source = join(root, "cli", "main.ts");
  return existsSync(source) ? source : join(root, "dist", "moqmesh.js");
}

/** A Node of the needed version among the installed packages. */
function bundledNode() {
  for (const name of [
    `node-${process.platform}-${process.arch}`,
    `node-bin-${process.platform}-${process.arch}`,
    "node",
  ]) {
    try {
      const found = join(dirname(require.resolve(`${name}/package.json`)), "bin", "node");
      if (existsSync(found)) return found;
    } catch {
      // Not installed: optional, and made for some platforms only.
    }
  }
  return undefined;
}

/**
 * Runs `node` in this process. Returns the reason when that fails. Node has a function for it from 22.15 on; before, the native engine's binary does.
 * @param {string} node
 */
function replaceProcess(node) {
  // Keeps a Node that is too old as well from doing this again.
  process.env["MOQMESH_NODE"] = node;
  const args = [self, ...process.argv.slice(2)];
  if ("execve" in process) process.execve(node, [node, ...args], process.env);
  for (const platform of ["gnu", "musl", undefined]) {
    const name = [process.platform, process.arch, platform].filter((part) => part !== undefined).join("-");
    for (const file of [`../engine/moqmesh-engine.${name}.node`, `@moqmesh/engine-${name}`]) {
      try {
        /** @type {{ replaceProcess(program: string, args: string[]): string }} */
        const addon = require(file);
        return `${node} cannot be started: ${addon.replaceProcess(node, args)}`;
      } catch {
        // Not installed, or made for another C library.
      }
    }
  }
  return `start it with ${join(root, "bin", "moqmesh")}`;
}

async function main() {
  if (Number.parseInt(process.versions.node, 10) >= NEEDED_MAJOR) {
    delete process.env["MOQMESH_NODE"];
    // Loading alone would make V8's young generation 32 MiB large, which it would keep: cli/young-heap.ts.
    setFlagsFromString("--semi-space-growth-factor=1");
    /** @type {typeof import("../cli/main.ts")} */
    const cli = await import(program());
    process.exitCode = await cli.main(process.argv.slice(2));
    return;
  }
  const node = process.env["MOQMESH_NODE"] === undefined ? bundledNode() : undefined;
  const why =
    node === undefined
      ? `install it from https://nodejs.org, or add it to this project with "npm install node@${NEEDED_MAJOR}"`
      : replaceProcess(node);
  console.error(`moqmesh needs Node ${NEEDED_MAJOR} or newer and this is ${process.version}: ${why}.`);
  process.exitCode = 1;
}

await main();
