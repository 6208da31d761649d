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

/** Shortest time in milliseconds between two reloads. Signals that come in between cause one reload, so that a flood of signals costs little. */
const INTERVAL_MS = 1_000;

export interface Reloading {
  readonly running: LoadedConfig;
  readonly load: () => Promise<LoadedConfig>;
  /** Applies the live values to the running relay. False when the relay does not run yet, or no longer. */
  readonly apply: (config: Config) => boolean;
  /** Reads the files of certificates and authorities again. Resolves with the names of those that have changed. */
  readonly files: () => Promise<readonly string[]>;
  /** Called when a reload begins, with true, and when it has ended. */
  readonly busy?: (reloading: boolean) => void;
  readonly log: Logger;
}

/** Returns a function that reloads the configuration and the files, at most once in {@link INTERVAL_MS}. Calls in between cause one more reload. */
export function reloader(reloading: Reloading): () => void {
  const configuration = configurationReloader(reloading);
  const { files, log, busy } = reloading;
  let running = false;
  let again = false;
  const read = async () => {
    try {
      await configuration();
    } catch (err) {
      log.error({ err }, "configuration checked: it cannot be read; nothing changes");
    }
    try {
      const changed = await files();
      if (changed.length > 0) log.info({ sections: changed }, "certificate files reloaded");
    } catch (err) {
      log.error({ err }, "files of certificates and authorities cannot be read; the relay keeps the ones that it has");
    }
  };
  const run = async () => {
    do {
      again = false;
      busy?.(true);
      await read();
      busy?.(false);
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

/** Reads the configuration again and applies its live values. When it has an error, nothing is applied. */
function configurationReloader({ running, load, apply, log }: Reloading): () => Promise<void> {
  /** The values that the relay uses, by key: as text to log, and as values to compare, because all credentials have the same text. */
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
        "configuration checked: it has errors; nothing changes",
      );
      return;
    }
    const next = configValues(loaded.config);
    const changed = describeConfig(loaded).filter(({ key }) => !isDeepStrictEqual(next.get(key), values.get(key)));
    if (changed.length === 0) {
      log.info("configuration checked: unchanged");
      return;
    }
    const describe = ({ key, text, secret }: DescribedValue) =>
      secret ? key : `${key}: ${current.get(key)} -> ${text}`;
    const later = changed.filter(({ live }) => !live).map(describe);
    const now = changed.filter(({ live }) => live);
    if (now.length > 0) {
      const changes = now.map(describe);
      if (!apply(loaded.config)) {
        log.warn("configuration checked: the relay is not running; nothing changes");
        return;
      }
      for (const { key, text } of now) {
        current.set(key, text);
        values.set(key, next.get(key));
      }
      log.info(
        { changes },
        "configuration reloaded: log level, peers and redirect apply now, limits to new sessions, [drain] to the next drain",
      );
    }
    if (later.length > 0) log.warn({ changes: later }, "configuration checked: these keys changed and need a restart");
  };
}
