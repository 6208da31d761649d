import { readFlags, wholeFlag, wrongCommandLine } from "../../scripts/flags.ts";

const MINUTES = 60;
/** Clients a second that cost about a quarter of a core, relay and load together. */
const RATE = 8;

export const HELP = `Usage: npm run soak -- [--minutes ${MINUTES}] [--mesh] [options]
       npm run soak -- --streams N [--engine NAME]

Runs a relay in a process of its own while clients come and go: viewers and publishers over QUIC and WebSockets, wrong tokens,
connections without a request, processes that are killed, the admin API, reloads and replaced certificates. It prints figures
once a minute. At the end it prints the slope of memory after the warm-up, and whether all tables are empty once all
clients have left.

  --minutes N      Minutes of churn (default ${MINUTES}; fractions are allowed). Slopes are judged from 20 minutes after the warm-up on.
  --warmup N       Minutes of these before slopes are measured (default a quarter).
  --mesh           A root, an origin and an edge instead of one relay.
  --rate N         Clients that begin in one second (default ${RATE}, which costs about a quarter of a core).
  --seed N         Where the random numbers begin (default: another one each time). Times still differ from run to run.
  --jit            Let V8 compile. By default relays run interpreted: for hours, rarely used functions become compiled code,
                   some 9 MB in the first one, which would hide a leak. It costs hardly more CPU at this rate.
  --engine NAME    The QUIC engine of relays and clients (default native).
  --snapshots DIR  Write heap snapshots of each relay there, after the warm-up and at the end. Each makes resident memory jump.
  --logs DIR       Write the output of every process there.
  --streams N      Instead, open and end N streams at the level of links (ten million take minutes).

Exit codes: 0 memory stayed flat and all tables are empty, 1 not, or the run failed, 2 wrong command line.`;

export interface ChurnOptions {
  readonly minutes: number;
  readonly warmupMinutes: number;
  readonly mesh: boolean;
  /** Relays compile, as in production. */
  readonly jit: boolean;
  readonly rate: number;
  readonly seed: number;
  readonly engine: string;
  readonly snapshots: string | undefined;
  readonly logs: string | undefined;
}

export type SoakOptions =
  | { readonly kind: "streams"; readonly streams: number; readonly engine: string }
  | ({ readonly kind: "churn" } & ChurnOptions);

/** Reads the command line of this process; ends it with 2 when it is wrong, with 0 after `--help`. */
export function readOptions(): SoakOptions {
  const values = readFlags(HELP, {
    minutes: { type: "string", default: String(MINUTES) },
    warmup: { type: "string" },
    mesh: { type: "boolean", default: false },
    jit: { type: "boolean", default: false },
    rate: { type: "string", default: String(RATE) },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    engine: { type: "string", default: "native" },
    snapshots: { type: "string" },
    logs: { type: "string" },
    streams: { type: "string" },
  });
  const { engine, mesh, jit, snapshots, logs } = values;
  if (values.streams !== undefined) {
    return { kind: "streams", streams: wholeFlag(HELP, "streams", values.streams, 1), engine };
  }
  const minutes = positive("minutes", values.minutes);
  const warmupMinutes = values.warmup === undefined ? minutes / 4 : positive("warmup", values.warmup);
  if (warmupMinutes >= minutes) wrongCommandLine("--warmup must be less than --minutes", HELP);
  const seed = wholeFlag(HELP, "seed", values.seed);
  return {
    kind: "churn",
    ...{ minutes, warmupMinutes, mesh, jit, rate: positive("rate", values.rate), seed, engine, snapshots, logs },
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  return wrongCommandLine(`--${name} must be a number above 0, not "${text}"`, HELP);
}
