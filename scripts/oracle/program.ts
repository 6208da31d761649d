/** The independent codec of moq-transport in test/interop/oracle, which is built from the registry. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = new URL("../../test/interop/oracle/", import.meta.url);
const PROGRAM = fileURLToPath(new URL("target/debug/moqt-oracle", FOLDER));

/** Bytes that it may print: all vectors are well below. */
const OUTPUT_BYTES = 64 * 1024 * 1024;

/** Why there is nothing to ask; absent where it is built. */
export function missingOracle(): string | undefined {
  return existsSync(PROGRAM) ? undefined : "the oracle is not built: npm run oracle -- build";
}

/** Builds it with cargo, which prints what it does. Throws where that fails. */
export function buildOracle(): void {
  const manifest = fileURLToPath(new URL("Cargo.toml", FOLDER));
  const { status, error } = spawnSync("cargo", ["build", "--locked", "--manifest-path", manifest], {
    stdio: "inherit",
    env: { ...process.env, CARGO_TARGET_DIR: fileURLToPath(new URL("target", FOLDER)) },
  });
  if (error !== undefined) throw new Error(`cargo cannot be run (${error.message}): install Rust from rustup.rs`);
  if (status !== 0) throw new Error(`cargo build failed with ${status}`);
}

/** The lines that it prints for a command, given the lines of its input. */
export function askOracle(command: "vectors" | "decode", input: readonly string[] = []): string[] {
  const { status, stdout, stderr, error } = spawnSync(PROGRAM, [command], {
    input: input.map((line) => `${line}\n`).join(""),
    encoding: "utf8",
    maxBuffer: OUTPUT_BYTES,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`the oracle failed with ${status}: ${stderr}`);
  return stdout.split("\n").filter((line) => line !== "");
}
