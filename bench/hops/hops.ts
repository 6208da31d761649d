import { setTimeout as sleep } from "node:timers/promises";
import { Mesh } from "../../lab/mesh.ts";
import type { Node } from "../../lab/node.ts";
import { parsePath } from "../../lab/path/index.ts";
import { LIVE } from "../../lab/workspace.ts";
import { LoadProcess } from "../fanout/load.ts";
import type { Window } from "../load/messages.ts";
import { sharedMicros } from "../load/micros.ts";
import { LASTING_PROTOCOLS } from "../load/protocols.ts";
import { PRIORITY } from "../load/published-track.ts";
import type { Progress } from "../report/progress.ts";
import { BenchError } from "../system/error.ts";
import { cpuUs } from "../system/proc.ts";
import { type TierFigures, tierFigures, upstreamRatio } from "./figures.ts";
import { LinkPaths } from "./link-paths.ts";
import type { HopsOptions } from "./options.ts";

const TIERS = ["origin", "regional", "edge"] as const;

const BROADCAST = `${LIVE}/hops`;
const TRACK = "data";

/** Milliseconds within which every session must be set up and receive frames. */
const CONNECT_MS = 30_000;

/** Milliseconds after the window for late frames. */
const LATE_MS = 2_000;

export interface Hops {
  readonly engine: string;
  readonly loadEngine: string;
  readonly protocol: string;
  readonly tiers: readonly TierFigures[];
  /** Viewers at the edge, and the bytes that it pulled from upstream divided by those of one viewer. */
  readonly upstream: { readonly viewers: number; readonly bytes: number; readonly ratio: number };
  /** Times that a relay took the relay of its track for lost within the window. */
  readonly failovers: number;
}

/** Measures. Rejects with a {@link BenchError} when a process cannot be started or fails. */
export async function hops(options: HopsOptions, progress: Progress): Promise<Hops> {
  progress.round("mesh");
  const paths = new LinkPaths(options.path);
  const mesh = await Mesh.make({
    shape: { origins: 1, regionals: 1, edges: 1 },
    engine: options.engine,
    between: (place, port) => paths.open(place, port),
    say: (what) => progress.phase(what),
  }).catch(async (error: unknown) => {
    await paths.stop();
    throw error;
  });
  for (const { pid } of paths.processes) mesh.keep(pid);
  const load = [new LoadProcess("publisher", undefined), ...TIERS.map((tier) => new LoadProcess(tier, undefined))];
  try {
    progress.phase("starting relays");
    await mesh.start();
    return await measure(mesh, paths, load, options, progress);
  } finally {
    await Promise.allSettled(load.map((each) => each.stop()));
    await mesh.stop();
    await paths.stop();
    progress.clear();
  }
}

async function measure(
  mesh: Mesh,
  paths: LinkPaths,
  [publisher, ...audiences]: readonly LoadProcess[],
  options: HopsOptions,
  progress: Progress,
): Promise<Hops> {
  const places = TIERS.map((tier) => mesh.role(tier)[0]);
  const [origin, , edge] = places;
  if (publisher === undefined || origin === undefined || edge === undefined) throw new Error("a mesh without tiers");
  const { loadEngine, framesPerSecond, frameBytes, seconds } = options;
  const { publisherToken, viewerToken, trust } = mesh.workspace;
  const common = (node: Node, token: string) => ({
    kind: "start" as const,
    engine: loadEngine,
    url: `${node.url}/?jwt=${token}`,
    trust,
    protocols: [...LASTING_PROTOCOLS],
    timeoutMs: CONNECT_MS,
  });
  progress.phase("connecting");
  const track = { track: TRACK, priority: PRIORITY, framesPerSecond, frameBytes, framesPerGroup: framesPerSecond };
  const tracks = [track];
  const start = { ...common(origin, publisherToken), role: "publisher" as const, broadcasts: [BROADCAST], tracks };
  const ready = await publisher.ask({ ...start, broadcastsPerSession: 1 }, "ready", CONNECT_MS);
  const windowFrames = Math.ceil(framesPerSecond * (seconds + LATE_MS / 1_000)) * 2;
  const counts = TIERS.map((_, index) => Math.floor((options.viewers + index) / TIERS.length));
  for (const [index, audience] of audiences.entries()) {
    const node = places[index];
    if (node === undefined) throw new Error("a mesh without tiers");
    const watches = Array.from({ length: counts[index] ?? 0 }, () => BROADCAST);
    const order = { ...common(node, viewerToken), role: "audience" as const, watches, tracks, windowFrames };
    await audience.ask(order, "ready", CONNECT_MS);
  }
  await progress.during("warming up", options.warmup * 1_000);
  const fromUs = sharedMicros();
  const window = { kind: "window" as const, fromUs, toUs: fromUs + seconds * 1_000_000, ...lightOf(options, fromUs) };
  paths.begin(fromUs);
  for (const each of [publisher, ...audiences]) each.order(window);
  const before = await readings(places);
  await progress.during("measuring", seconds * 1_000);
  const after = await readings(places);
  await sleep(LATE_MS);
  const { due } = await publisher.ask({ kind: "report" }, "publisherReport");
  const reports = await Promise.all(audiences.map((each) => each.ask({ kind: "report" }, "audienceReport")));
  const packets = await Promise.all(["", ...TIERS].map((above) => paths.packetsFrom(above)));
  const data = TIERS.map((tier, index) => {
    const [report, start, end] = [reports[index]?.tracks[0], before[index], after[index]];
    if (report === undefined || start === undefined || end === undefined) throw new Error("a tier without a report");
    const cpuPercent = (100 * (end.cpuUs - start.cpuUs)) / (end.atUs - start.atUs);
    return { tier, viewers: counts[index] ?? 0, report, cpuPercent, packets: packets[index] };
  });
  const viewers = counts.at(-1) ?? 0;
  const grown = (pick: (reading: Reading) => number, index: number) => {
    const [start, end] = [before.at(index), after.at(index)];
    return start === undefined || end === undefined ? 0 : pick(end) - pick(start);
  };
  const bytes = grown((reading) => reading.in, -1);
  return {
    engine: origin.engine,
    loadEngine: ready.engine,
    protocol: ready.protocol,
    tiers: tierFigures(data, { due: due[0]?.[0] ?? 0, frameBytes, seconds, path: options.path }),
    upstream: {
      viewers,
      bytes,
      ratio: upstreamRatio(
        bytes,
        grown((reading) => reading.out, -1),
        viewers,
      ),
    },
    failovers: TIERS.reduce((sum, _, index) => sum + grown((reading) => reading.failovers, index), 0),
  };
}

/** When an outage of the links ends. */
function lightOf({ path }: HopsOptions, fromUs: number): Pick<Window, "lightUs"> {
  const outage = path === undefined ? undefined : parsePath(path).outage;
  return outage === undefined ? {} : { lightUs: fromUs + (outage.at + outage.seconds) * 1_000_000 };
}

/** What a relay has done since its start. */
interface Reading {
  readonly atUs: number;
  readonly cpuUs: number;
  /** Bytes of payload. */
  readonly in: number;
  readonly out: number;
  readonly failovers: number;
}

async function readings(places: readonly (Node | undefined)[]): Promise<Reading[]> {
  return await Promise.all(
    places.map(async (node) => {
      const samples = await node?.admin?.metrics();
      if (samples === undefined || node?.pid === undefined)
        throw new BenchError(`${node?.name ?? "a relay"} does not serve its metrics`);
      const value = (name: string) => samples.get(`moqmesh_${name}_total`) ?? 0;
      return {
        atUs: sharedMicros(),
        cpuUs: cpuUs(node.pid),
        in: value("received_payload_bytes"),
        out: value("sent_payload_bytes"),
        failovers: value("mesh_failovers"),
      };
    }),
  );
}
