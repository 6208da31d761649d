/**
 * A process of the mesh's load: one publisher or all viewers, as its first order says. It receives orders over the channel to its parent and
 * ends when that closes.
 */
import { randomBytes } from "node:crypto";
import { trustOf } from "../../bench/load/dial.ts";
import { Histogram } from "../../bench/load/histogram.ts";
import { sharedMicros } from "../../bench/load/micros.ts";
import { Pacer } from "../../bench/load/pacer.ts";
import { PublishedTrack } from "../../bench/load/published-track.ts";
import { createEngine } from "../../transport/engines.ts";
import { systemClock } from "../../transport/shared/index.ts";
import type { ClientDeps } from "./client.ts";
import { type LoadAnswer, type PublisherStart, readLoadOrder, type ViewersStart } from "./messages.ts";
import { Roamer } from "./roamer.ts";
import { Uplink } from "./uplink.ts";

/** Milliseconds between two pulses. */
const PULSE_MS = 500;

/** Milliseconds for the close of the clients to reach their relays. */
const GOODBYE_MS = 200;

let roamers: readonly Roamer[] = [];
let uplinks: readonly Uplink[] = [];
let edges: readonly string[] = [];
/** Delays of all viewers' frames since the measurement began. */
const delays = new Histogram();

function answer(message: LoadAnswer): void {
  process.send?.(message);
}

function fail(error: unknown): void {
  answer({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
}

async function depsOf({ engine, trust }: PublisherStart | ViewersStart): Promise<ClientDeps> {
  const deps = { clock: systemClock, warn: (message: string) => console.error(message) };
  return { engine: await createEngine(engine, deps), trust: trustOf(trust), clock: systemClock };
}

/** First sequence of a publisher; it rises from one publisher of a path to the next, as with an encoder that numbers by the clock. */
function firstGroup({ framesPerGroup, framesPerSecond }: PublisherStart): number {
  return Math.ceil((Date.now() * framesPerSecond) / (1_000 * framesPerGroup)) + 1;
}

async function publish(start: PublisherStart): Promise<void> {
  const { path, track, origins, framesPerGroup, framesPerSecond, frameBytes } = start;
  const deps = await depsOf(start);
  const source = new PublishedTrack({
    framesPerGroup,
    framesPerSecond,
    payload: randomBytes(frameBytes),
    firstGroup: firstGroup(start),
    keeps: true,
  });
  let began = 0;
  const pacer = new Pacer(systemClock, 1, framesPerSecond, () => {
    const number = source.next;
    if (number % framesPerGroup === 0) began = sharedMicros();
    source.send();
    if (source.next % framesPerGroup !== 0) return;
    const sequence = Math.floor(number / framesPerGroup);
    answer({ kind: "group", sequence, fromUs: began, toUs: sharedMicros() });
  });
  let ready = 0;
  const wanted = start.everywhere ? origins.length : 1;
  const up = (protocol: string) => {
    ready++;
    if (ready === wanted) answer({ kind: "ready", engine: deps.engine.name, protocol });
  };
  const published = { path, track, source };
  pacer.start();
  const places = start.everywhere ? origins.map((origin) => [origin]) : [origins];
  uplinks = places.map((place) => new Uplink(deps, published, place, up));
  for (const uplink of uplinks) uplink.start();
}

async function watch(start: ViewersStart): Promise<void> {
  const deps = await depsOf(start);
  edges = start.edges;
  let flowing = 0;
  const all = start.viewers.map((first) => {
    const roamer: Roamer = new Roamer(
      deps,
      { ...start, delays, edges: [...edges.slice(first), ...edges.slice(0, first)] },
      () => {
        if (++flowing < start.viewers.length) return;
        answer({ kind: "ready", engine: deps.engine.name, protocol: roamer.protocol });
      },
    );
    return roamer;
  });
  roamers = all;
  for (const roamer of roamers) roamer.start();
  setInterval(pulse, PULSE_MS);
}

function measure(): void {
  for (const roamer of roamers) roamer.measure();
  delays.clear();
}

function pulse(): void {
  const shown = edges.map(() => ({ viewers: 0, frames: 0, gapUs: 0 }));
  let moves = 0;
  for (const roamer of roamers) {
    const { edge, frames, gapUs, moved, reconnected, subscriptionsLost } = roamer.report(edges, []);
    moves += moved + reconnected + subscriptionsLost;
    const row = shown[edge];
    if (row === undefined) continue;
    row.viewers++;
    row.frames += frames;
    row.gapUs = Math.max(row.gapUs, gapUs);
  }
  answer({ kind: "pulse", edges: shown, moves });
}

process.on("message", (message) => {
  const order = readLoadOrder(message);
  if (order.kind === "start") (order.role === "publisher" ? publish(order) : watch(order)).catch(fail);
  else if (order.kind === "measure") measure();
  else {
    const viewers = roamers.map((roamer) => roamer.report(edges, order.groups));
    answer({ kind: "report", viewers, p99Us: delays.percentile(0.99) });
    if (order.restart) measure();
  }
});
process.once("disconnect", () => {
  for (const client of [...roamers, ...uplinks]) client.stop();
  setTimeout(() => process.exit(0), GOODBYE_MS);
});
