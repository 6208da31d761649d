import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { ConfigError, type LoadedConfig, loadConfig } from "../config/index.ts";
import type { Invocation } from "./command.ts";
import type { Io } from "./io.ts";

/** Milliseconds that reading the file again may take: a file system that hangs does not answer at all. */
const READ_MS = 10_000;

/** The configuration that a command line asks for. Throws a `ConfigError`. */
export function loadConfigured(invocation: Invocation, io: Io, text?: string): LoadedConfig {
  const [file] = invocation.positionals;
  const from = { ...(file !== undefined && { file }), ...(text !== undefined && { text }) };
  return loadConfig({ ...from, env: io.env, flags: invocation.config });
}

/** As {@link loadConfigured}, for a relay that runs: nothing waits for the file, and one that cannot be read twice is refused. */
export async function loadAgain(invocation: Invocation, io: Io): Promise<LoadedConfig> {
  const [file] = invocation.positionals;
  return loadConfigured(invocation, io, file === undefined ? undefined : await readAgain(file));
}

async function readAgain(file: string): Promise<string> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${READ_MS / 1000} s`)), READ_MS);
  try {
    return await Promise.race([readRegular(file), late.promise]);
  } catch (error) {
    const message = `cannot be read again: ${error instanceof Error ? error.message : String(error)}`;
    throw new ConfigError([{ code: "unreadable", key: "", message, origin: { kind: "file", file } }]);
  } finally {
    clearTimeout(timer);
  }
}

/** A pipe, as of `serve <(...)`, was read to its end at the start and has nothing more. */
async function readRegular(file: string): Promise<string> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await handle.stat()).isFile()) throw new Error("it is no regular file");
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}
