import { Chance } from "../random.ts";
import { World } from "./world.ts";

/** Milliseconds between two frames, frames of a group, and bytes of a frame. */
const FRAME_MS = 33;
const FRAMES_PER_GROUP = 30;
const FRAME = Buffer.alloc(1_200);

/** A link between relays outlives this many milliseconds of silence, as docs/networks.md recommends for such networks. */
const PEER_TIMEOUT_MS = 2_000;
const HEARTBEAT_MS = 150;

interface BadNetwork {
  readonly seed: number;
  readonly seconds: number;
  readonly roundTripMs: number;
  /** Each way. */
  readonly jitterMs: number;
  /** Share of the packets that are lost each way, from 0 to 1. */
  readonly loss: number;
}

interface BadNetworkReport {
  /** Relays that were suspected. None had failed. */
  readonly suspicions: number;
  /** Links between relays that ended. */
  readonly linksLost: number;
  /** Groups that a viewer got whole. */
  readonly groups: number;
}

/** A mesh behind a bad network, in which no relay fails: one broadcast flows, and the other links are idle. */
export async function badNetwork({
  seed,
  seconds,
  roundTripMs,
  jitterMs,
  loss,
}: BadNetwork): Promise<BadNetworkReport> {
  const chance = new Chance(seed);
  const peer = { idleTimeoutMs: PEER_TIMEOUT_MS, keepAliveMs: HEARTBEAT_MS };
  const world = new World(["root"], chance.next, { peer });
  world.network.configure({ latencyMs: roundTripMs / 2, jitterMs, loss });
  await world.start("root", "root");
  for (const node of ["o1", "o2"]) await world.start(node, "origin");
  for (const node of ["r1", "r2"]) await world.start(node, "regional");
  for (const node of ["e1", "e2", "e3"]) await world.start(node, "edge");
  await world.pass(2_000);
  const publisher = (await world.client("o1")).publish("live/a");
  await world.pass(2_000);
  const viewer = (await world.client("e1")).watch("live/a");
  (await world.client("e2")).watch("live/a");
  viewer.keep = false;
  await world.pass(2_000);
  const frames = Math.ceil((seconds * 1_000) / FRAME_MS);
  let writers = publisher.open(0);
  for (let frame = 1; frame <= frames; frame++) {
    for (const writer of writers) {
      writer.object(FRAME.length, 0);
      writer.payload(FRAME);
      writer.end();
    }
    if (frame % FRAMES_PER_GROUP === 0) {
      for (const writer of writers) writer.finish();
      writers = publisher.open(frame / FRAMES_PER_GROUP);
    }
    await world.pass(FRAME_MS);
  }
  let suspicions = 0;
  let linksLost = 0;
  for (const { mesh } of world.relays.values()) {
    suspicions += mesh.peers.suspicions.silence;
    linksLost += mesh.peers.suspicions.link_lost;
  }
  const groups = viewer.groups.filter(({ state }) => state === "finished").length;
  for (const relay of [...world.relays.values()]) await relay.kill();
  return { suspicions, linksLost, groups };
}
