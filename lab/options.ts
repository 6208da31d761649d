import { columns, type Flags, flagLines, readFlags, text, UsageError, whole } from "../bench/flags.ts";
import { STAMP_BYTES } from "../bench/load/stamp.ts";
import type { BroadcastingOptions } from "./broadcasting.ts";
import { DRILLS } from "./drills/all.ts";
import type { Drill } from "./drills/contract.ts";
import { KEY_HELP } from "./screen/keys.ts";
import { type Shape, USUAL } from "./topology.ts";

export interface MeshCommand {
  /** Absent: show the mesh until a person ends it. */
  readonly drill: Drill | undefined;
  readonly json: boolean;
  readonly shape: Shape;
  readonly engine: string;
  readonly logs: string | undefined;
  /** By how much times of alerts are divided; absent: no Prometheus beside the mesh. */
  readonly alerts: number | undefined;
  /** Commit or tag that an upgrade begins with. */
  readonly from: string | undefined;
  readonly broadcasting: Omit<BroadcastingOptions, "publishing" | "pulse">;
}

const FLAGS: Flags = {
  drill: { value: "NAME", text: "Run this drill, print what the viewers saw, and end." },
  json: { text: "With --drill: print only one JSON object to standard output." },
  viewers: { value: "N", text: "Viewers at each edge (default 5)." },
  edges: { value: "N", text: `Edges (default ${USUAL.edges}).` },
  regionals: { value: "N", text: `Regionals (default ${USUAL.regionals}).` },
  origins: { value: "N", text: `Origins (default ${USUAL.origins}; some drills need two).` },
  fps: { value: "N", text: "Frames a second (default 30)." },
  "frame-bytes": { value: "N", text: "Payload of a frame (default 1200)." },
  "group-frames": { value: "N", text: "Frames per group (default 30)." },
  engine: { value: "NAME", text: "QUIC engine of the relays (default auto)." },
  "load-engine": { value: "NAME", text: "QUIC engine of publisher and viewers (default auto)." },
  logs: { value: "FOLDER", text: "Folder for the output of every process." },
  from: {
    value: "COMMIT",
    text: "With --drill upgrade: the earlier version, a commit or tag (default: the newest tag, or what was before the last change).",
  },
  alerts: {
    value: "SPEED",
    text: "Start Prometheus and Alertmanager as well, with deploy/alerts; all their times divided by SPEED (1: as they are).",
  },
  help: { text: "Show this text." },
};

/** Most relays of a role; more would not fit on one machine. */
const MOST_RELAYS = 32;

/** Most that times of alerts are divided by: beyond it a window has too few scrapes. */
const MOST_SPEED = 60;

export function meshHelp(): string {
  const drills = [...DRILLS.values()].map(({ name, summary }): [string, string] => [name, summary]);
  return [
    "Usage: npm run mesh -- [options]",
    "       npm run mesh -- --drill NAME [--json] [options]",
    "",
    "Starts a whole mesh as processes on loopback (a root, an origin, two regionals, four edges) with a publisher and",
    "viewers at each edge, and shows it live. It ends all processes and removes all files at the end.",
    "",
    "Options:",
    ...flagLines(FLAGS),
    "",
    "Drills:",
    ...columns(drills),
    "",
    "Keys:",
    ...columns(KEY_HELP),
    "",
    "Exit codes: 0 passed, 1 could not run, 2 wrong command line, 3 the drill failed.",
    "",
  ].join("\n");
}

/** Parses the command line; `help` for --help. Throws {@link UsageError}. */
export function parseMesh(args: readonly string[]): MeshCommand | "help" {
  const values = readFlags(FLAGS, args);
  if (values.get("help") === true) return "help";
  const drill = drillOf(text(values, "drill"));
  const json = values.get("json") === true;
  if (json && drill === undefined) throw new UsageError("--json needs --drill");
  const alerts = whole(values, "alerts", MOST_SPEED);
  if (alerts !== undefined && drill !== undefined) throw new UsageError("--alerts does not go with --drill");
  const from = text(values, "from");
  if (from !== undefined && drill?.upgrade !== true) throw new UsageError("--from needs --drill upgrade");
  return {
    drill,
    json,
    from,
    shape: {
      origins: whole(values, "origins", MOST_RELAYS) ?? USUAL.origins,
      regionals: whole(values, "regionals", MOST_RELAYS) ?? USUAL.regionals,
      edges: whole(values, "edges", MOST_RELAYS) ?? USUAL.edges,
    },
    engine: text(values, "engine") ?? "auto",
    logs: text(values, "logs"),
    alerts,
    broadcasting: {
      engine: text(values, "load-engine") ?? "auto",
      name: "clock",
      viewers: [whole(values, "viewers") ?? 5],
      framesPerSecond: whole(values, "fps", 1_000) ?? 30,
      frameBytes: frameBytesOf(whole(values, "frame-bytes", 2 ** 24)),
      framesPerGroup: whole(values, "group-frames", 10_000) ?? 30,
    },
  };
}

function frameBytesOf(bytes = 1_200): number {
  if (bytes < STAMP_BYTES) throw new UsageError(`--frame-bytes must be at least ${STAMP_BYTES}, the size of the stamp`);
  return bytes;
}

function drillOf(name: string | undefined): Drill | undefined {
  if (name === undefined) return undefined;
  const drill = DRILLS.get(name);
  if (drill === undefined)
    throw new UsageError(`--drill: "${name}" is unknown; use one of ${[...DRILLS.keys()].join(", ")}`);
  return drill;
}
