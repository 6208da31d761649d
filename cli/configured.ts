import { readRegularFile } from "../auth/index.ts";
import {
  ConfigError,
  type ConfigSources,
  filesToLoad,
  type LoadedConfig,
  loadConfig,
  policiesFileOf,
  type RunTime,
} from "../relay/config/index.ts";
import type { Invocation } from "./command.ts";
import type { Io } from "./io.ts";

/** Milliseconds that reading the file again may take: a file system that hangs does not answer at all. */
const READ_MS = 10_000;

/** Longest file that is read again, in bytes. */
const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

/** Loads the configuration that a command line names. Throws a `ConfigError`. */
export function loadConfigured(invocation: Invocation, io: Io, again: Again = {}): LoadedConfig {
  return loadConfig({ ...sourcesOf(invocation, io), ...again });
}

type Again = Pick<ConfigSources, "text" | "runTime" | "readContent" | "policies" | "policiesText">;

function sourcesOf({ positionals: [file], config: flags }: Invocation, { env }: Io): ConfigSources {
  return { ...(file !== undefined && { file }), env, flags };
}

/**
 * Loads the configuration again while the relay runs; nothing else waits for the file. Rejects with a `ConfigError` for a file that can be
 * read once only: a pipe, as of `serve <(...)`, was read to its end at the start. `set` overrides all other values.
 */
export async function loadAgain(invocation: Invocation, io: Io, set: RunTime): Promise<LoadedConfig> {
  const [file] = invocation.positionals;
  const again: Again = { ...set, ...(file !== undefined && { text: await readAgain(file) }) };
  const contents = new Map<string, string | Error>();
  for (const path of filesToLoad({ ...sourcesOf(invocation, io), ...again })) {
    contents.set(path, await readInTime(path).catch(errorOf));
  }
  const readContent = (path: string) => {
    const content = contents.get(path);
    if (typeof content === "string") return content;
    throw content ?? new Error("it was not read");
  };
  const policies = policiesFileOf({ ...sourcesOf(invocation, io), ...again });
  const policiesText = policies === undefined ? undefined : await readAgain(policies);
  return loadConfigured(invocation, io, { ...again, readContent, ...(policiesText !== undefined && { policiesText }) });
}

async function readAgain(file: string): Promise<string> {
  try {
    return await readInTime(file);
  } catch (error) {
    const message = `cannot be read again: ${errorOf(error).message}`;
    throw new ConfigError([{ code: "unreadable", key: "", message, origin: { kind: "file", file } }]);
  }
}

async function readInTime(file: string): Promise<string> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${READ_MS / 1000} s`)), READ_MS);
  try {
    return (await Promise.race([readRegularFile(file, MAX_CONFIG_BYTES), late.promise])).text;
  } finally {
    clearTimeout(timer);
  }
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
