import { columns, type Flags, flagLines, readFlags, seconds, text, UsageError, whole } from "../flags.ts";
import { KIND_NAMES, KINDS, type Kind } from "./kinds.ts";

export interface StormOptions {
  readonly kinds: readonly Kind[];
  /** Instead of the usual number of each kind. */
  readonly size: number | undefined;
  readonly watchers: number | undefined;
  /** Viewers who are there before, and stay. */
  readonly stay: number;
  /** Length of the storm, and of the time before it that it is compared with. */
  readonly seconds: number;
  /** Seconds after which memory must have been returned. */
  readonly after: number;
  /** Milliseconds that the service which decides on viewers takes for an answer during the storm. */
  readonly authMs: number;
  /** A root, an origin with the publishers and an edge with watchers and viewers, instead of one relay. */
  readonly mesh: boolean;
  readonly engine: string;
  readonly loadEngine: string;
  readonly json: boolean;
}

const FLAGS: Flags = {
  kind: { value: "NAME", text: "Measure only this kind of storm." },
  size: { value: "N", text: "How many come, instead of the kind's own number." },
  watchers: { value: "N", text: "Sessions that list broadcasts, instead of the kind's own number." },
  stay: { value: "N", text: "Viewers who are there before and stay (default 50)." },
  seconds: { value: "S", text: "Length of the storm, and of the time before it (default 10)." },
  after: { value: "S", text: "Time after all have left until memory is read again (default 30)." },
  auth: { value: "MS", text: "Time that the auth service takes to decide on each viewer who comes (default 1500)." },
  mesh: { text: "A root, an origin with the publishers and an edge with all others, instead of one relay." },
  engine: { value: "NAME", text: "QUIC engine of the relay (default auto)." },
  "load-engine": { value: "NAME", text: "QUIC engine of the load (default auto)." },
  json: { text: "Print one JSON object instead of the table." },
  help: { text: "Show this text." },
};

export function stormHelp(): string {
  const kinds = KIND_NAMES.map((name): [string, string] => {
    const { summary, size, unit } = KINDS[name];
    return [name, `${summary}; ${size} ${unit}`];
  });
  return [
    "Usage: npm run bench -- storm [options]",
    "",
    "Lets many clients that keep to the limits come at once, and measures what the relay and the viewers who stay notice of it.",
    "",
    "Options:",
    ...flagLines(FLAGS),
    "",
    "Kinds:",
    ...columns(kinds),
    "",
    "Exit codes: 0 measured, 1 failed, 2 wrong command line, 3 measured, but a goal was missed.",
    "",
  ].join("\n");
}

/** Parses the arguments after `storm`; `help` for --help. Throws {@link UsageError}. */
export function parseStorm(args: readonly string[]): StormOptions | "help" {
  const values = readFlags(FLAGS, args);
  if (values.get("help") === true) return "help";
  const name = text(values, "kind");
  const kind = KIND_NAMES.find((one) => one === name);
  if (name !== undefined && kind === undefined)
    throw new UsageError(`--kind: "${name}" is unknown; use one of ${KIND_NAMES.join(", ")}`);
  return {
    kinds: (kind === undefined ? KIND_NAMES : [kind]).map((one) => KINDS[one]),
    size: whole(values, "size"),
    watchers: whole(values, "watchers", 10_000),
    stay: whole(values, "stay", 10_000) ?? 50,
    seconds: seconds(values, "seconds") ?? 10,
    after: seconds(values, "after") ?? 30,
    authMs: whole(values, "auth", 60_000) ?? 1_500,
    mesh: values.get("mesh") === true,
    engine: text(values, "engine") ?? "auto",
    loadEngine: text(values, "load-engine") ?? "auto",
    json: values.get("json") === true,
  };
}
