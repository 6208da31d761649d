import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sharedMicros } from "../../bench/load/micros.ts";
import type { BroadcastingOptions } from "../broadcasting.ts";
import { Mesh } from "../mesh.ts";
import { checkOut, earlierCommit } from "../release.ts";
import { survey, upstreamSubscriptions } from "../survey.ts";
import type { Place, Shape } from "../topology.ts";
import { waitFor } from "../wait.ts";
import { LIVE, TWIN } from "../workspace.ts";
import { Ocean } from "./continents.ts";
import type { Drill, Exercise } from "./contract.ts";
import { Cuts } from "./cuts.ts";
import { type DrillReport, gapFigures, SEAMLESS_GAP_MS, USUAL_GAP_MS } from "./figures.ts";
import { Steps } from "./steps.ts";

/** Milliseconds for connections to become steady, and of the measurement before the failure. */
const WARM_UP_MS = 1_500;
const USUAL_MS = 2_500;

/** Milliseconds for groups to arrive at the end. */
const SETTLE_MS = 2_500;

/** Milliseconds within which every relay must be back to one upstream subscription. */
const CALM_MS = 15_000;

export interface DrillOptions {
  readonly shape: Shape;
  readonly engine: string;
  readonly logs?: string;
  /** A commit or tag: the version that the mesh of a drill with `upgrade` begins with; default: `earlierCommit`. */
  readonly from?: string;
  readonly broadcasting: Omit<BroadcastingOptions, "publishing">;
}

/** Starts a mesh, runs the drill, and ends the mesh. Rejects with a {@link BenchError} when the mesh cannot be started. */
export async function runDrill(drill: Drill, options: DrillOptions, say: (what: string) => void): Promise<DrillReport> {
  const { shape, engine, logs, from } = options;
  const commit = drill.upgrade === true ? await earlierCommit(from) : undefined;
  const origins = Math.max(drill.origins, shape.origins);
  const cuts = drill.cuts === true ? new Cuts() : undefined;
  const ocean = new Ocean();
  const mesh = await Mesh.make({
    shape: { ...shape, origins, hubs: drill.hubs ?? 0 },
    ...(drill.hubs !== undefined && { between: ocean.between }),
    engine,
    say,
    ...(drill.hitless === true && { extra: () => ({ cluster: { hitless: [LIVE, TWIN] } }) }),
    ...(logs !== undefined && { logs }),
    ...(cuts && { between: (place: Place, port: number) => cuts.open(place, port) }),
  });
  try {
    const folder = join(mesh.workspace.folder, "earlier");
    const earlier = commit === undefined ? undefined : await checkOut(commit, folder, say);
    for (const node of mesh.nodes) node.release = earlier?.program ?? node.release;
    say(`starting ${mesh.nodes.length} relays${earlier ? ` of version ${earlier.name}` : ""}`);
    await mesh.start();
    say("starting publisher and viewers");
    const broadcasting = mesh.broadcast({ ...options.broadcasting, publishing: drill.publishing });
    const { engine: loadEngine } = await broadcasting.start();
    return await exercise(drill, { mesh, broadcasting, earlier, cuts, loadEngine, say });
  } finally {
    await mesh.stop();
    cuts?.close();
    ocean.close();
  }
}

interface Surroundings extends Pick<Exercise, "mesh" | "broadcasting" | "earlier" | "cuts" | "say"> {
  readonly loadEngine: string;
}

/** Runs the drill on a running mesh. */
async function exercise(drill: Drill, surroundings: Surroundings): Promise<DrillReport> {
  const { mesh, broadcasting, earlier, cuts, loadEngine, say } = surroundings;
  const began = performance.now();
  // The first answer of an admin listener takes long, and would be seen by viewers during the drill.
  await survey(mesh.nodes);
  await sleep(WARM_UP_MS);
  broadcasting.measure();
  await sleep(USUAL_MS);
  const usual = gapFigures(await broadcasting.seen(), sharedMicros());
  say(`${broadcasting.path} flows; ${drill.summary}`);
  const wrong: string[] = [];
  const figures: Record<string, number | string> = {};
  broadcasting.measure();
  const steps = new Steps(broadcasting, say);
  await drill.run({
    mesh,
    broadcasting,
    steps,
    earlier,
    cuts,
    say,
    figure: (name, value) => {
      figures[name] = value;
    },
    wrong: (what) => wrong.push(what),
  });
  await sleep(SETTLE_MS);
  const seen = steps.seen ?? (await broadcasting.seen());
  const found = gapFigures(seen, sharedMicros());
  const sources = drill.hitless === true ? 2 : 1;
  const upstream = await calm(mesh, sources);
  const usualLimit = Math.max(drill.hitless === true ? SEAMLESS_GAP_MS : USUAL_GAP_MS, 2 * usual.worst);
  const limit = drill.gapMs === 0 ? usualLimit : drill.gapMs;
  const away = Number(figures["publisher_away_ms"] ?? 0);
  if (found.worst > limit + away) wrong.push(`a viewer waited for ${found.worst} ms, more than ${limit + away}`);
  if (drill.lossless && found.lost > 0) wrong.push(`${found.lost} groups were lost, summed over the viewers`);
  if (found.stalled > 0) wrong.push(`${found.stalled} viewers receive nothing at the end`);
  if (found.subscriptionsLost > 0) wrong.push(`${found.subscriptionsLost} subscriptions of viewers were lost`);
  if (drill.undisturbed && found.reconnected > 0) wrong.push(`${found.reconnected} sessions of viewers were lost`);
  if (upstream !== sources) wrong.push(`${upstream.toFixed(2)} subscriptions upstream per relay and track`);
  return {
    drill: drill.name,
    ok: wrong.length === 0,
    wrong,
    viewers: seen.viewers.length,
    worst_gap_ms: found.worst,
    median_gap_ms: found.median,
    groups_lost: found.lost,
    groups: seen.groups.length,
    upstream_subscriptions_per_track: Math.round(upstream * 100) / 100,
    moved: found.moved,
    reconnected: found.reconnected,
    subscriptionsLost: found.subscriptionsLost,
    stalled: found.stalled,
    usual_gap_ms: usual.worst,
    seconds: Math.round((performance.now() - began) / 100) / 10,
    ...(steps.done.length > 0 && { steps: steps.done }),
    engine: mesh.nodes[0]?.engine ?? "",
    load_engine: loadEngine,
    figures,
  };
}

/** Upstream subscriptions per relay and track. Waits until it is `sources`, at most for a while, and returns the last value. */
async function calm(mesh: Mesh, sources: number): Promise<number> {
  let last = 0;
  await waitFor(CALM_MS, async () => {
    last = upstreamSubscriptions(await survey(mesh.nodes), 1);
    return last === sources ? true : undefined;
  });
  return last;
}
