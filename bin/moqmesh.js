#!/usr/bin/env node
// Starts the program under Node 24 or newer. Plain JavaScript that Node 20 understands: an older Node that
// started this file hands over to the Node 24 that was installed beside the package.
import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";

const NEEDED_MAJOR = 24;
/** @type {NodeJS.Signals[]} */
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"];

const self = realpathSync(fileURLToPath(import.meta.url));
const root = dirname(dirname(self));

/** Sources in a checkout, the bundle in an installed package. */
function program() {
  const source = join(root, "cli", "main.ts");
  return existsSync(source) ? source : join(root, "dist", "moqmesh.js");
}

/** A Node of the needed version among the installed packages. */
function bundledNode() {
  const require = createRequire(self);
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

/** @param {string} node */
function handOver(node) {
  const child = spawn(node, [self, ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, MOQMESH_NODE: node },
  });
  for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`moqmesh: cannot start ${node}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  });
}

/** Ends in order when the launcher is killed, so that no relay stays behind without an owner. */
function followLauncher() {
  delete process.env["MOQMESH_NODE"];
  if (process.channel === undefined) return;
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  process.channel.unref();
}

async function main() {
  if (Number.parseInt(process.versions.node, 10) >= NEEDED_MAJOR) {
    if (process.env["MOQMESH_NODE"] !== undefined) followLauncher();
    // Loading alone would make V8's young generation 32 MiB large, which it would keep: cli/young-heap.ts.
    setFlagsFromString("--semi-space-growth-factor=1");
    /** @type {typeof import("../cli/main.ts")} */
    const cli = await import(program());
    process.exitCode = await cli.main(process.argv.slice(2));
    return;
  }
  const node = process.env["MOQMESH_NODE"] === undefined ? bundledNode() : undefined;
  if (node === undefined) {
    console.error(
      `moqmesh needs Node ${NEEDED_MAJOR} or newer and this is ${process.version}: install it from https://nodejs.org, or add it to this project with "npm install node@${NEEDED_MAJOR}".`,
    );
    process.exitCode = 1;
    return;
  }
  handOver(node);
}

await main();
