import { PATH_KEYS } from "../../lab/path/index.ts";
import { type Flags, flagLines, readFlags, seconds, text, UsageError, whole } from "../flags.ts";
import { STAMP_BYTES } from "../load/stamp.ts";
import { pathOf } from "../path/options.ts";

export interface HopsOptions {
  /** Viewers of all tiers together. */
  readonly viewers: number;
  /** Length of the measured window and of the warm-up before it, in seconds. */
  readonly seconds: number;
  readonly warmup: number;
  readonly framesPerSecond: number;
  readonly frameBytes: number;
  /** The network of each link between relays, as written on the command line. */
  readonly path: string | undefined;
  readonly engine: string;
  readonly loadEngine: string;
  readonly json: boolean;
}

/** One viewer at each of three tiers. */
const FEWEST = 3;

const FLAGS: Flags = {
  viewers: { value: "N", text: "Viewers, a third of them at each tier (default 100)." },
  seconds: { value: "S", text: "Length of the measured window (default 10)." },
  warmup: { value: "S", text: "Time at full load before the window (default 3)." },
  fps: { value: "N", text: "Frames a second (default 30)." },
  "frame-bytes": { value: "N", text: "Payload of a frame (default 1200)." },
  path: {
    value: "SPEC",
    text: `A bad network on each link between relays, such as "delay=40 loss=0.01"; keys: ${PATH_KEYS.join(", ")}.`,
  },
  engine: { value: "NAME", text: "QUIC engine of the relays (default auto)." },
  "load-engine": { value: "NAME", text: "QUIC engine of publisher and viewers (default auto)." },
  json: { text: "Print one JSON object instead of the table." },
  help: { text: "Show this text." },
};

export function hopsHelp(): string {
  return [
    "Usage: npm run bench -- mesh [options]",
    "",
    "Sends a publisher's broadcast through origin, regional and edge to viewers at each of the three. It measures the latency",
    "that each hop adds, the bytes that the edge pulls from upstream and, with --path, what is lost or late.",
    "",
    "Options:",
    ...flagLines(FLAGS),
    "",
    "Exit codes: 0 measured, 1 failed, 2 wrong command line, 3 measured, but frames were lost without --path.",
    "",
  ].join("\n");
}

/** Parses the arguments after `mesh`; `help` for --help. Throws {@link UsageError}. */
export function parseHops(args: readonly string[]): HopsOptions | "help" {
  const values = readFlags(FLAGS, args);
  if (values.get("help") === true) return "help";
  const viewers = whole(values, "viewers") ?? 100;
  if (viewers < FEWEST) throw new UsageError(`--viewers must be at least ${FEWEST}, one at each tier`);
  const frameBytes = whole(values, "frame-bytes", 2 ** 24) ?? 1_200;
  if (frameBytes < STAMP_BYTES)
    throw new UsageError(`--frame-bytes must be at least ${STAMP_BYTES}, the size of the stamp`);
  const windowS = seconds(values, "seconds") ?? 10;
  return {
    viewers,
    seconds: windowS,
    path: pathOf(values, "path", windowS),
    warmup: seconds(values, "warmup") ?? 3,
    framesPerSecond: whole(values, "fps", 1_000) ?? 30,
    frameBytes,
    engine: text(values, "engine") ?? "auto",
    loadEngine: text(values, "load-engine") ?? "auto",
    json: values.get("json") === true,
  };
}
