import { Chance } from "../random.ts";
import { SimPublisher, SimViewer } from "./people.ts";
import { raise, rootsOf, shapeOf } from "./shape.ts";
import { World } from "./world.ts";

/** Broadcasts that are published one after the other, each at another origin. */
const EVENTS = 5;
const PREFIX = "live/room";

export interface Growth {
  readonly nodes: number;
  /** Sessions between relays: control sessions and links for media. */
  readonly links: number;
  readonly roots: number;
  /** Relays whose viewers ask for the prefix. */
  readonly askers: number;
  /** Announcements that one event caused, the most of several. */
  readonly messages: number;
  /** What roots and relays may need for one event. */
  readonly bound: number;
  /** Of an event that no relay asked for. */
  readonly unasked: number;
  /** Broadcasts that a relay knows although none of its viewers asks for them. */
  readonly known: number;
}

/** Counts what one publish event costs in a mesh in which every third edge has a viewer that asks for the prefix and watches. */
export async function growthOf(nodes: number, rootCount: number): Promise<Growth> {
  const chance = new Chance(nodes);
  const roots = rootsOf(rootCount);
  const places = shapeOf(nodes, roots, chance);
  const world = new World(roots, chance.next, { peer: { idleTimeoutMs: 2_500, keepAliveMs: 1_000 } });
  await raise(world, places);
  await world.pass(3_000);
  const origins = places.filter(({ role }) => role === "origin").map(({ node }) => node);
  const edges = places.filter(({ role }) => role === "edge").map(({ node }) => node);
  const asking = edges.filter((_, n) => n % 3 === 0);
  const publish = async (path: string, n: number) =>
    new SimPublisher(
      path,
      origins[n % origins.length] ?? "",
      await world.client(origins[n % origins.length] ?? ""),
      0n,
      world.clock,
    );
  await publish(`${PREFIX}/first`, 0);
  for (const node of asking) new SimViewer(`${PREFIX}/first`, node, await world.client(node), true);
  await world.pass(2_000);
  const most = async (prefix: string) => {
    let messages = 0;
    for (let n = 0; n < EVENTS; n++) {
      world.messages = 0;
      await publish(`${prefix}/${n}`, n);
      await world.pass(1_000);
      messages = Math.max(messages, world.messages);
    }
    return messages;
  };
  const [messages, unasked] = [await most(PREFIX), await most("elsewhere")];
  const relays = [...world.relays.values()];
  const idle = relays.filter(({ info }) => info.role === "edge" && !asking.includes(info.node));
  return {
    nodes,
    links: relays.reduce((sum, { mesh }) => sum + mesh.control.connected + mesh.peers.up.length, 0),
    roots: rootCount,
    askers: asking.length,
    messages,
    bound: rootCount + 2 * asking.length,
    unasked,
    known: Math.max(...idle.map(({ mesh }) => mesh.routes.counts.broadcasts)),
  };
}

/** Sizes of the table, each with its roots. */
export const SIZES: readonly (readonly [nodes: number, roots: number])[] = [
  [10, 1],
  [34, 2],
  [100, 3],
  [200, 3],
];
