/**
 * Builds the native engine and puts the binary where its adapter looks for it. Plain JavaScript that Node 20
 * understands, because `npm ci` runs it with whatever Node there is.
 *
 *   node scripts/build-engine.js              builds, and fails when that fails
 *   node scripts/build-engine.js --if-needed  for `npm ci`: builds when cargo is there and no binary fits the sources,
 *                                             says in a line what it did, and never fails
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Longest build during an installation, in milliseconds: a slow machine with two cores needs five minutes. */
const INSTALL_LIMIT_MS = 15 * 60 * 1000;

/** Least time between two lines of progress in milliseconds, where they cannot replace one another. */
const PROGRESS_MS = 60 * 1000;

/** Last lines of cargo that are looked through for the reason of a failure. */
const KEPT_LINES = 200;

/** In the binary, in front of the hash of its sources; `engine/src/lib.rs` has it, too. */
const MARK = "moqmesh-engine-sources:";

const engine = fileURLToPath(new URL("../engine/", import.meta.url));
const without = "everything works on the npm engine";

/** `linux-x64-gnu` and the like, as in `transport/native/addon.ts`. */
function platformName() {
  const base = `${process.platform}-${process.arch}`;
  if (process.platform !== "linux") return base;
  const { header } = /** @type {{ header: object }} */ (process.report.getReport());
  return `${base}-${"glibcVersionRuntime" in header ? "gnu" : "musl"}`;
}

const binary = join(engine, `moqmesh-engine.${platformName()}.node`);

/** SHA-256 of everything that the binary is made of. */
function sourcesHash() {
  const hash = createHash("sha256");
  const sources = readdirSync(join(engine, "src"), { recursive: true })
    .map((name) => join("src", String(name)))
    .filter((name) => name.endsWith(".rs"));
  for (const name of ["Cargo.toml", "Cargo.lock", "build.rs", ...sources.sort()]) {
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(engine, name)))
      .update("\0");
  }
  return hash.digest("hex");
}

/** @param {string} sources */
function fits(sources) {
  return existsSync(binary) && readFileSync(binary).includes(`${MARK}${sources}`);
}

/** Where cargo leaves the library. */
function library() {
  const target = process.env["CARGO_TARGET_DIR"] ?? join(engine, "target");
  const names = { darwin: "libmoqmesh_engine.dylib", win32: "moqmesh_engine.dll" };
  const name = process.platform in names ? names[/** @type {keyof typeof names} */ (process.platform)] : undefined;
  return join(target, "release", name ?? "libmoqmesh_engine.so");
}

/** @param {string} sources */
function environment(sources) {
  // A library for musl that Node loads cannot have the C library inside.
  const flags = platformName().endsWith("musl") ? { RUSTFLAGS: "-C target-feature=-crt-static" } : {};
  return { ...process.env, ...flags, MOQMESH_ENGINE_SOURCES: sources };
}

/** Copies and then renames: a relay that runs keeps the file that it has loaded. */
function install() {
  const fresh = `${binary}.new`;
  copyFileSync(library(), fresh);
  renameSync(fresh, binary);
}

/**
 * Runs cargo. Resolves with nothing, or with what went wrong.
 * @param {string} sources
 * @param {{ quiet: boolean, limitMs?: number }} how
 * @returns {Promise<string | undefined>}
 */
function build(sources, { quiet, limitMs }) {
  return new Promise((resolve) => {
    const cargo = spawn("cargo", ["build", "--release", "--locked"], {
      cwd: engine,
      env: environment(sources),
      stdio: ["ignore", quiet ? "ignore" : "inherit", quiet ? "pipe" : "inherit"],
    });
    /** @type {string[]} */
    const lines = [];
    const progress = progressLine();
    cargo.stderr?.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
      lines.push(...text.split("\n"));
      lines.splice(0, lines.length - KEPT_LINES);
      progress.compiled(text.match(/^ *Compiling /gm)?.length ?? 0);
    });
    const timer = limitMs === undefined ? undefined : setTimeout(() => cargo.kill(), limitMs);
    cargo.on("error", (error) => resolve(error.message));
    cargo.on("close", (code, signal) => {
      clearTimeout(timer);
      progress.end();
      if (code === 0) resolve(undefined);
      else if (signal !== null) resolve(`it took longer than ${(limitMs ?? 0) / 60_000} minutes`);
      else resolve(lines.find((line) => /^error/.test(line)) ?? `cargo ended with ${code}`);
    });
  });
}

/** One line that counts what is compiled; on a terminal it replaces itself. */
function progressLine() {
  const terminal = process.stderr.isTTY;
  let crates = 0;
  let said = 0;
  const say = () => {
    if (!terminal && Date.now() - said < PROGRESS_MS) return;
    said = Date.now();
    const text = `engine: building with cargo, a few minutes the first time${crates > 0 ? ` (${crates} crates)` : ""}`;
    process.stderr.write(terminal ? `\r${text}` : `${text}\n`);
  };
  return {
    /** @param {number} more */
    compiled(more) {
      crates += more;
      say();
    },
    end() {
      if (terminal && said > 0) process.stderr.write("\r\u001b[K");
    },
  };
}

/** What `npm ci` does; says it in a line. */
async function ifNeeded() {
  // npm asks before it packs as well; what is packed has no binary.
  if (!existsSync(join(engine, "Cargo.toml")) || process.env["npm_command"] === "pack") return;
  if (process.env["MOQMESH_SKIP_ENGINE"] === "1") return say("left out, as MOQMESH_SKIP_ENGINE asks");
  const sources = sourcesHash();
  if (fits(sources)) return say("the binary fits the sources");
  if (spawnSync("cargo", ["--version"], { stdio: "ignore" }).status !== 0) {
    return say(`not built, there is no cargo here; ${without}`);
  }
  const began = Date.now();
  const failure = await build(sources, { quiet: true, limitMs: INSTALL_LIMIT_MS });
  if (failure !== undefined) {
    return say(`could not be built (${failure}); ${without}; npm run build:engine shows more`);
  }
  install();
  say(`built in ${Math.round((Date.now() - began) / 1000)} s`);
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`engine: ${text}\n`);
}

if (process.argv.includes("--if-needed")) {
  await ifNeeded().catch((error) => say(`could not be built (${String(error)}); ${without}`));
} else {
  const failure = await build(sourcesHash(), { quiet: false });
  if (failure === undefined) {
    install();
    console.log(`${dirname(binary)}: ${binary.slice(engine.length)}`);
  } else {
    console.error(`the engine could not be built: ${failure}`);
    process.exitCode = 1;
  }
}
