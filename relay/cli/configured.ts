import { readRegular } from "../../auth/index.ts";
import { ConfigError, type ConfigSources, type LoadedConfig, loadConfig } from "../config/index.ts";
import type { Invocation } from "./command.ts";
import type { Io } from "./io.ts";

/** Milliseconds that reading the file again may take: a file system that hangs does not answer at all. */
const READ_MS = 10_000;

/** Longest file that is read again, in bytes. */
const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

/** Loads the configuration that a command line names. Throws a `ConfigError`. */
export function loadConfigured(
  invocation: Invocation,
  io: Io,
  again: Pick<ConfigSources, "text" | "runTime"> = {},
): LoadedConfig {
  const [file] = invocation.positionals;
  const from = { ...(file !== undefined && { file }), ...again };
  return loadConfig({ ...from, env: io.env, flags: invocation.config });
}

/**
 * Loads the configuration again while the relay runs; nothing else waits for the file. Rejects with a `ConfigError` for a file that can be
 * read once only: a pipe, as of `serve <(...)`, was read to its end at the start. `runTime` overrides all other values.
 */
export async function loadAgain(
  invocation: Invocation,
  io: Io,
  runTime: ReadonlyMap<string, string>,
): Promise<LoadedConfig> {
  const [file] = invocation.positionals;
  return loadConfigured(invocation, io, { runTime, ...(file !== undefined && { text: await readAgain(file) }) });
}

async function readAgain(file: string): Promise<string> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${READ_MS / 1000} s`)), READ_MS);
  try {
    return (await Promise.race([readRegular(file, MAX_CONFIG_BYTES), late.promise])).text;
  } catch (error) {
    const message = `cannot be read again: ${error instanceof Error ? error.message : String(error)}`;
    throw new ConfigError([{ code: "unreadable", key: "", message, origin: { kind: "file", file } }]);
  } finally {
    clearTimeout(timer);
  }
}
