import { benchHelp, type Flags, readFlags, seconds, UsageError, whole } from "../flags.ts";

export interface RegistryOptions {
  readonly broadcasts: number;
  readonly relays: number;
  /** Relays that each ask for the broadcasts of one tenant. */
  readonly askers: number;
  /** Relays that ask which other relays have the paths that are published to them. */
  readonly rivals: number;
  readonly eventsPerSecond: number;
  readonly seconds: number;
  readonly json: boolean;
}

const MOST_BROADCASTS = 10_000_000;

const FLAGS: Flags = {
  broadcasts: { value: "N", text: "Broadcasts in the registry (default 1000000)." },
  relays: { value: "N", text: "Relays to which they are published (default 500)." },
  askers: { value: "N", text: "Relays, of these, that each ask for one of a hundred tenants (default 50)." },
  rivals: {
    value: "N",
    text: "Relays that ask which other relays have their own paths, as publishers' relays do (default all).",
  },
  events: { value: "N", text: "Publish events per second: a broadcast begins or ends (default 1000)." },
  seconds: { value: "S", text: "Length of the measured window (default 10)." },
  json: { text: "Print one JSON object instead of the table." },
  help: { text: "Show this text." },
};

export function registryHelp(): string {
  const about = [
    "Fills a root's registry through the tables of its control sessions and measures memory and the cost of publish events.",
    "Nothing is sent over a network, so the figures do not include the sessions themselves.",
  ];
  return benchHelp("registry", about, FLAGS);
}

/** Parses the arguments after `registry`; `help` for --help. Throws {@link UsageError}. */
export function parseRegistry(args: readonly string[]): RegistryOptions | "help" {
  const values = readFlags(FLAGS, args);
  if (values.get("help") === true) return "help";
  const relays = whole(values, "relays") ?? 500;
  const askers = whole(values, "askers") ?? Math.min(50, relays);
  if (askers > relays) throw new UsageError("--askers must not exceed --relays");
  const rivals = whole(values, "rivals") ?? relays;
  if (rivals > relays) throw new UsageError("--rivals must not exceed --relays");
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
