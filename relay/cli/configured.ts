import { type LoadedConfig, loadConfig } from "../config.ts";
import type { Invocation } from "./command.ts";
import type { Io } from "./io.ts";

/** The configuration that a command line asks for. Throws a `ConfigError`. */
export function loadConfigured(invocation: Invocation, io: Io): LoadedConfig {
  const [file] = invocation.positionals;
  return loadConfig({ ...(file === undefined ? {} : { file }), env: io.env, flags: invocation.config });
}
