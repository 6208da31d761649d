import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import {
  type Config,
  ConfigError,
  configValues,
  type DescribedValue,
  describeConfig,
  formatProblem,
  type LoadedConfig,
} from "../config/index.ts";
import type { Logger } from "../log/index.ts";

/** Milliseconds from one reading to the next: signals in between make one, so that a flood of them costs nothing. */
const INTERVAL_MS = 1_000;

export interface Reloading {
  readonly running: LoadedConfig;
  readonly load: () => Promise<LoadedConfig>;
  /** Applies the live values to the running relay. False when the relay does not run yet, or no longer. */
  readonly apply: (config: Config) => boolean;
  /** Reads files of certificates and authorities again, resolves with those that have changed. */
  readonly files: () => Promise<readonly string[]>;
  readonly log: Logger;
}

/** A function that reads configuration and files again, at most once in {@link INTERVAL_MS}; calls in between make one more reading. */
export function reloader(reloading: Reloading): () => void {
  const configuration = configurationReloader(reloading);
  const { files, log } = reloading;
  let running = false;
  let again = false;
  const read = async () => {
    try {
      await configuration();
    } catch (err) {
      log.error({ err }, "configuration checked: it cannot be read, nothing changes");
    }
    try {
      const changed = await files();
      if (changed.length > 0) log.info({ changed }, "files read again");
    } catch (err) {
      log.error({ err }, "files of certificates and authorities cannot be read; those read before stay in use");
    }
  };
  const run = async () => {
    do {
      again = false;
      await read();
      await delay(INTERVAL_MS, undefined, { ref: false });
    } while (again);
    running = false;
  };
  return () => {
    again = true;
    if (running) return;
    running = true;
    void run();
  };
}

/** Reads the configuration again: all that can be taken in is, or, where anything is wrong, nothing. */
function configurationReloader({ running, load, apply, log }: Reloading): () => Promise<void> {
  /** What the relay goes by, by key: as text, and as values to compare, since credentials all look the same in text. */
  const current = new Map(describeConfig(running).map(({ key, text }) => [key, text]));
  const values = configValues(running.config);
  return async () => {
    let loaded: LoadedConfig;
    try {
      loaded = await load();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      log.error(
        { problems: error.problems.map(formatProblem) },
        "configuration checked: it has errors, nothing changes",
      );
      return;
    }
    const next = configValues(loaded.config);
    const changed = describeConfig(loaded).filter(({ key }) => !isDeepStrictEqual(next.get(key), values.get(key)));
    if (changed.length === 0) {
      log.info("configuration checked: unchanged");
      return;
    }
    const tell = ({ key, text, secret }: DescribedValue) => (secret ? key : `${key}: ${current.get(key)} -> ${text}`);
    const later = changed.filter(({ live }) => !live).map(tell);
    const now = changed.filter(({ live }) => live);
    if (now.length > 0) {
      const changes = now.map(tell);
      if (!apply(loaded.config)) {
        log.warn("configuration checked: the relay is not running, nothing changes");
        return;
      }
      for (const { key, text } of now) {
        current.set(key, text);
        values.set(key, next.get(key));
      }
      log.info({ changes }, "configuration reloaded: the log level applies now, all else to new sessions");
      log.level = loaded.config.log.level;
    }
    if (later.length > 0) log.warn({ changes: later }, "configuration checked: a restart is needed for what changed");
  };
}
