import { type Flags, flagLines, readFlags, text, UsageError, whole } from "../flags.ts";
import { KINDS, type Kind } from "./kinds.ts";

export interface FloodOptions {
  readonly kinds: readonly Kind[];
  /** Messages of each kind. */
  readonly messages: number;
  /** Broadcasts in the relay's table, and sessions that watch all of them. */
  readonly broadcasts: number;
  readonly watchers: number;
  /** Sessions that flood at the same time. */
  readonly senders: number;
  /** Milliseconds over which a relay with nothing to do is measured, before and after. */
  readonly quietMs: number;
  readonly websocket: boolean;
  readonly engine: string;
  readonly loadEngine: string;
  readonly json: boolean;
}

const FLAGS: Flags = {
  kind: { value: "NAME", text: "Measure only this kind of message." },
  messages: { value: "N", text: "Messages of each kind (default 10000)." },
  broadcasts: { value: "N", text: "Broadcasts in the relay's table during the flood (default 900)." },
  watchers: { value: "N", text: "Sessions that watch all of them (default 20)." },
  senders: { value: "N", text: "Sessions that flood at the same time (default 1)." },
  quiet: { value: "MS", text: "Measure a relay with nothing to do for as long, before and after (default 1000)." },
  websocket: { text: "Flood over WebSocket instead of QUIC." },
  engine: { value: "NAME", text: "QUIC engine of the relay (default auto)." },
  "load-engine": { value: "NAME", text: "QUIC engine of the sender (default auto)." },
  json: { text: "Print one JSON object instead of the table." },
  help: { text: "Show this text." },
};

export function floodHelp(): string {
  return [
    "Usage: npm run bench -- flood [options]",
    "",
    "Sends many messages of one kind as fast as a relay accepts them. It measures the CPU of the relay compared with that of",
    "the sender, and the gaps in the stream of a viewer who is not involved.",
    "",
    "Options:",
    ...flagLines(FLAGS),
    "",
    `Kinds: ${KINDS.join(", ")}.`,
    "",
    "Exit codes: 0 measured, 1 failed, 2 wrong command line.",
    "",
  ].join("\n");
}

/** Parses the arguments after `flood`; `help` for --help. Throws {@link UsageError}. */
export function parseFlood(args: readonly string[]): FloodOptions | "help" {
  const values = readFlags(FLAGS, args);
  if (values.get("help") === true) return "help";
  const name = text(values, "kind");
  const kind = KINDS.find((one) => one === name);
  if (name !== undefined && kind === undefined)
    throw new UsageError(`--kind: "${name}" is unknown; use one of ${KINDS.join(", ")}`);
  return {
    kinds: kind === undefined ? KINDS : [kind],
    messages: whole(values, "messages", 10_000_000) ?? 10_000,
    broadcasts: whole(values, "broadcasts", 1_000) ?? 900,
    watchers: whole(values, "watchers") ?? 20,
    senders: whole(values, "senders") ?? 1,
    quietMs: whole(values, "quiet", 60_000) ?? 1_000,
    websocket: values.get("websocket") === true,
    engine: text(values, "engine") ?? "auto",
    loadEngine: text(values, "load-engine") ?? "auto",
    json: values.get("json") === true,
  };
}
