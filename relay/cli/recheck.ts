import { describeConfig } from "../config/describe.ts";
import { ConfigError, formatProblem, type LoadedConfig } from "../config.ts";
import type { Logger } from "../log.ts";

/** Loads the configuration again beside a relay that runs and logs what is wrong with it, or what a restart would change. */
export function recheck(running: LoadedConfig, load: () => LoadedConfig, log: Logger): void {
  try {
    const before = new Map(describeConfig(running).map(({ key, text }) => [key, text]));
    const changes = describeConfig(load())
      .filter(({ key, text }) => before.get(key) !== text)
      .map(({ key, text }) => `${key}: ${before.get(key)} -> ${text}`);
    if (changes.length === 0) log.info("configuration checked: unchanged");
    else log.warn({ changes }, "configuration checked: a restart is needed for what changed");
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    log.error({ problems: error.problems.map(formatProblem) }, "configuration checked: it has errors, nothing changes");
  }
}
