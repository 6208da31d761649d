import { benchHelp, type Flags, readFlags, UsageError, whole } from "../flags.ts";

export interface ScrapeOptions {
  /** Sessions that are open at once; the first ones publish. */
  readonly sessions: number;
  /** Broadcasts, one for each of the first sessions. */
  readonly broadcasts: number;
  readonly scrapes: number;
  readonly json: boolean;
}

const FLAGS: Flags = {
  sessions: { value: "N", text: "Sessions over QUIC that are open at once (default 1000)." },
  broadcasts: { value: "N", text: "Broadcasts, each of another session (default 200)." },
  scrapes: { value: "N", text: "Scrapes, one after the other (default 20)." },
  json: { text: "Print one JSON object instead of the table." },
  help: { text: "Show this text." },
};

export function scrapeHelp(): string {
  const about = [
    "Opens sessions at a relay in this process, each watching a broadcast, and measures what a scrape of its metrics costs:",
    "its time, and the longest time for which it keeps the event loop from other work.",
  ];
  return benchHelp("scrape", about, FLAGS);
}

/** Parses the arguments after `scrape`; `help` for --help. Throws {@link UsageError}. */
export function parseScrape(args: readonly string[]): ScrapeOptions | "help" {
  const values = readFlags(FLAGS, args);
  if (values.get("help") === true) return "help";
  const sessions = whole(values, "sessions") ?? 1_000;
  const broadcasts = whole(values, "broadcasts") ?? Math.min(200, sessions);
  if (broadcasts > sessions) throw new UsageError("--broadcasts must not exceed --sessions");
  return { sessions, broadcasts, scrapes: whole(values, "scrapes") ?? 20, json: values.get("json") === true };
}
