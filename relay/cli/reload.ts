import { isDeepStrictEqual } from "node:util";
import { configValues, type DescribedValue, describeConfig } from "../config/describe.ts";
import { type Config, ConfigError, formatProblem, type LoadedConfig } from "../config.ts";
import type { Logger } from "../log.ts";

/** What a relay takes in while it runs, for new sessions. All else needs a restart. Files of keys and certificates are watched anyway. */
const LIVE: ReadonlySet<string> = new Set([
  "limits.sessions",
  "limits.announcements_per_session",
  "limits.announce_streams_per_session",
  "limits.subscriptions_per_session",
  "limits.fetches_per_session",
  "limits.pending_streams_per_session",
  "limits.unanswered_per_viewer",
  "limits.request_timeout",
  "limits.session_queue_bytes",
  "limits.header_timeout",
  "limits.handshake_timeout",
  "drain.grace",
  "drain.spread",
  "cluster.peers",
  "cluster.redirect",
]);

export interface Reloading {
  readonly running: LoadedConfig;
  readonly load: () => LoadedConfig;
  /** Takes in the values of {@link LIVE}. False when the relay does not run yet, or not any more. */
  readonly apply: (config: Config) => boolean;
  readonly log: Logger;
}

/** A function that loads the configuration again: all that can be taken in is, or, where anything is wrong, nothing. */
export function reloader({ running, load, apply, log }: Reloading): () => void {
  /** What the relay goes by, by key: as text, and as values to compare, since credentials all look the same in text. */
  const current = new Map(describeConfig(running).map(({ key, text }) => [key, text]));
  const values = configValues(running.config);
  return () => {
    let loaded: LoadedConfig;
    try {
      loaded = load();
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
    const later = changed.filter(({ key }) => !LIVE.has(key)).map(tell);
    const live = changed.filter(({ key }) => LIVE.has(key));
    if (live.length > 0) {
      const changes = live.map(tell);
      if (!apply(loaded.config)) {
        log.warn("configuration checked: the relay is not running, nothing changes");
        return;
      }
      for (const { key, text } of live) {
        current.set(key, text);
        values.set(key, next.get(key));
      }
      log.info({ changes }, "configuration reloaded: it goes for new sessions");
    }
    if (later.length > 0) log.warn({ changes: later }, "configuration checked: a restart is needed for what changed");
  };
}
