import { benchHelp, type Flags, readFlags, whole } from "../flags.ts";

export interface IngestOptions {
  readonly broadcasts: number;
  /** Of each broadcast. */
  readonly viewers: number;
  readonly frameBytes: number;
  readonly framesPerGroup: number;
  /** Frames that the engine delivers at a time. */
  readonly batch: number;
  /** Measured frames. */
  readonly frames: number;
  readonly json: boolean;
}

const FLAGS: Flags = {
  broadcasts: { value: "N", text: "Broadcasts, each of 30 frames a second (default 100)." },
  viewers: { value: "N", text: "Viewers of each broadcast (default 1)." },
  "frame-bytes": { value: "N", text: "Payload of a frame (default 1200)." },
  "frames-per-group": { value: "N", text: "Frames of a group (default 30)." },
  batch: { value: "N", text: "Frames that the engine delivers at a time (default 3)." },
  frames: { value: "N", text: "Frames to measure (default 200000)." },
  json: { text: "Print one JSON object instead of the table." },
  help: { text: "Show this text." },
};

const MOST_FRAMES = 100_000_000;

export function ingestHelp(): string {
  const about = [
    "Feeds frames to the JavaScript of a relay through an engine without a network, and measures what a frame costs:",
    "CPU time, memory that is allocated, and collections of the heap. The clock runs as if the frames came at their rate.",
  ];
  return benchHelp("ingest", about, FLAGS);
}

/** Parses the arguments after `ingest`; `help` for --help. Throws {@link UsageError}. */
export function parseIngest(args: readonly string[]): IngestOptions | "help" {
  const values = readFlags(FLAGS, args);
  if (values.get("help") === true) return "help";
  return {
    broadcasts: whole(values, "broadcasts") ?? 100,
    viewers: whole(values, "viewers") ?? 1,
    frameBytes: whole(values, "frame-bytes") ?? 1_200,
    framesPerGroup: whole(values, "frames-per-group") ?? 30,
    batch: whole(values, "batch") ?? 3,
    frames: whole(values, "frames", MOST_FRAMES) ?? 200_000,
    json: values.get("json") === true,
  };
}
