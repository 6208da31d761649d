import { type Flags, flagLines, readFlags, seconds, UsageError, whole } from "../flags.ts";

export interface RegistryOptions {
  readonly broadcasts: number;
  readonly relays: number;
  /** Relays that ask for one tenant's broadcasts each. */
  readonly askers: number;
  /** Relays that ask for others' broadcasts of the paths that they hold themselves. */
  readonly rivals: number;
  readonly eventsPerSecond: number;
  readonly seconds: number;
  readonly json: boolean;
}

const MOST_BROADCASTS = 10_000_000;

const FLAGS: Flags = {
  broadcasts: { value: "N", text: "Broadcasts that the root knows (default 1000000)." },
  relays: { value: "N", text: "Relays that have them (default 500)." },
  askers: { value: "N", text: "Of these, relays that ask for one of a hundred tenants each (default 50)." },
  rivals: { value: "N", text: "Relays that ask who else has what they have, as publishers' relays do (default all)." },
  events: { value: "N", text: "Publish events a second: one broadcast begins or ends (default 1000)." },
  seconds: { value: "S", text: "Length of the measured window (default 10)." },
  json: { text: "Print one JSON object instead of the table." },
  help: { text: "Show this text." },
};

export function registryHelp(): string {
  return [
    "Usage: npm run bench -- registry [options]",
    "",
    "Fills a root's registry by way of the tables of its control sessions, and measures memory, and what publish events cost.",
    "Nothing goes over a network, so what sessions keep and do themselves is not in the figures.",
    "",
    "Options:",
    ...flagLines(FLAGS),
    "",
    "Exit codes: 0 measured, 1 failed, 2 wrong command line.",
    "",
  ].join("\n");
}

/** Understands the arguments after `registry`; `help` when that is asked for. Throws {@link UsageError}. */
export function parseRegistry(args: readonly string[]): RegistryOptions | "help" {
  const values = readFlags(FLAGS, args);
  if (values.get("help") === true) return "help";
  const relays = whole(values, "relays") ?? 500;
  const askers = whole(values, "askers") ?? Math.min(50, relays);
  if (askers > relays) throw new UsageError("--askers: more than there are relays");
  const rivals = whole(values, "rivals") ?? relays;
  if (rivals > relays) throw new UsageError("--rivals: more than there are relays");
  return {
    broadcasts: whole(values, "broadcasts", MOST_BROADCASTS) ?? 1_000_000,
    relays,
    askers,
    rivals,
    eventsPerSecond: whole(values, "events") ?? 1_000,
    seconds: seconds(values, "seconds") ?? 10,
    json: values.get("json") === true,
  };
}
