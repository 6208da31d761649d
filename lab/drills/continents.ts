import { setTimeout as sleep } from "node:timers/promises";
import { BenchError } from "../../bench/system/error.ts";
import { parsePath, UdpPath } from "../path/index.ts";
import { sample, survey } from "../survey.ts";
import type { Place } from "../topology.ts";
import { waitFor } from "../wait.ts";
import type { Exercise } from "./contract.ts";

/** Each way, as between N. Virginia and Ireland (lab/sim/regions.ts). */
const OCEAN = "delay=40";

/** Milliseconds within which every track must cross the ocean once: a track moves five seconds after a better way is there. */
const SETTLED_MS = 30_000;
/** Milliseconds of watching after a kill. */
const AFTER_MS = 6_000;

/** The ocean in front of the relays of the publisher's continent, for the relays of the other one. */
export class Ocean {
  readonly #paths: UdpPath[] = [];

  /** Resolves with the port at which other relays dial the relay. */
  readonly between = async ({ role }: Place, port: number): Promise<number> => {
    if (role !== "origin" && role !== "root") return port;
    const path = await UdpPath.open({ spec: parsePath(OCEAN), target: { address: "127.0.0.1", port } });
    this.#paths.push(path);
    return path.port;
  };

  close(): void {
    for (const path of this.#paths) path.close();
  }
}

/** Two regions with one parent region: their track crosses the ocean once, twice while the parent is down, and once when it is back. */
export async function continents({ mesh, say, figure, wrong }: Exercise): Promise<void> {
  const hubs = mesh.role("regional").filter(({ place }) => place.parent === undefined);
  if (hubs.length === 0) throw new BenchError("no regional of the parent region");
  const crossings = async () => {
    const origins = (await survey(mesh.nodes)).filter(({ node }) => node.place.role === "origin");
    return origins.reduce((sum, one) => sum + sample(one, "subscriptions"), 0);
  };
  const reach = async (count: number) =>
    (await waitFor(SETTLED_MS, async () => ((await crossings()) === count ? true : undefined))) ?? false;
  if (!(await reach(1))) wrong(`the track crosses the ocean ${await crossings()} times, not once`);
  figure("crossings", await crossings());
  say("the track crosses the ocean once; killing all regionals of the parent region");
  for (const hub of hubs) await hub.kill();
  await sleep(AFTER_MS);
  if (!(await reach(2)))
    wrong(`without the parent region the track crosses the ocean ${await crossings()} times, not twice`);
  figure("crossings_without_parent", await crossings());
  say("the regionals of the parent region are started again");
  const from = performance.now();
  await Promise.all(hubs.map((hub) => hub.start()));
  if (!(await reach(1)))
    wrong(`with the parent region back the track crosses the ocean ${await crossings()} times, not once`);
  figure("return_ms", Math.round(performance.now() - from));
}
