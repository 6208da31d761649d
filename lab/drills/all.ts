import { setTimeout as sleep } from "node:timers/promises";
import { BenchError } from "../../bench/system/error.ts";
import { registryOf } from "../registry.ts";
import { serving } from "../survey.ts";
import { waitFor } from "../wait.ts";
import { continents } from "./continents.ts";
import type { Drill, Exercise } from "./contract.ts";
import { CUT_S } from "./cuts.ts";
import { USUAL_GAP_MS } from "./figures.ts";
import { hitless } from "./hitless.ts";
import { knowsAll, restart } from "./restart.ts";
import { upgrade } from "./upgrade.ts";

/** Milliseconds of watching after the failure. */
const AFTER_MS = 6_000;

/** Milliseconds that a root is down or a relay frozen: much longer than detection takes. */
const AWAY_MS = 4_000;

/** Milliseconds within which the registry of a restarted root must be complete. */
const REGISTRY_MS = 5_000;

/** Milliseconds between two restarts. */
const BETWEEN_MS = 1_500;

/** The longest gap in milliseconds when a relay fails. */
const FAILOVER_MS = 300;

const ALL: readonly Drill[] = [
  {
    name: "kill-regional",
    summary: "SIGKILL to the regional that serves; its edges pull the track from the other one",
    origins: 1,
    publishing: "one",
    gapMs: FAILOVER_MS,
    undisturbed: true,
    lossless: true,
    run: async ({ mesh, say }) => {
      const node = await serving(mesh.nodes, "regional");
      say(`killing ${node.name}`);
      await node.kill();
      await sleep(AFTER_MS);
    },
  },
  {
    name: "kill-origin",
    summary: "SIGKILL to one of two origins that get the same content",
    origins: 2,
    publishing: "all",
    gapMs: FAILOVER_MS,
    undisturbed: true,
    lossless: true,
    run: async ({ mesh, say }) => {
      const node = await serving(mesh.nodes, "origin");
      say(`killing ${node.name}`);
      await node.kill();
      await sleep(AFTER_MS);
    },
  },
  {
    name: "hitless",
    summary: "SIGKILL to a regional, and then to an origin, of a path that every relay takes from two others at once",
    origins: 2,
    publishing: "all",
    gapMs: 0,
    undisturbed: true,
    lossless: true,
    hitless: true,
    run: hitless,
  },
  {
    name: "kill-root",
    summary: "SIGKILL to the root, which is then restarted and rebuilds its registry",
    origins: 1,
    publishing: "one",
    gapMs: 0,
    undisturbed: true,
    lossless: true,
    run: killRoot,
  },
  {
    name: "partition",
    summary: "the regional that serves is frozen (SIGSTOP) for 4 s and then continues (SIGCONT)",
    origins: 1,
    publishing: "one",
    gapMs: FAILOVER_MS,
    undisturbed: true,
    lossless: true,
    run: async ({ mesh, say }) => {
      const node = await serving(mesh.nodes, "regional");
      say(`${node.name} is frozen (SIGSTOP)`);
      node.freeze();
      await sleep(AWAY_MS);
      say(`${node.name} continues (SIGCONT)`);
      node.thaw();
      await sleep(AFTER_MS);
    },
  },
  cutOff("regional", 1),
  cutOff("origin", 2),
  {
    name: "restart-publisher",
    summary: "SIGKILL to the publisher; another one replaces it at once",
    origins: 1,
    publishing: "one",
    gapMs: 1_000,
    undisturbed: true,
    lossless: false,
    run: async ({ broadcasting, say, figure }) => {
      say("killing the publisher");
      const from = performance.now();
      await broadcasting.publisher.kill();
      await broadcasting.publisher.start();
      figure("publisher_away_ms", Math.round(performance.now() - from));
      say("the publisher is back");
      await sleep(AFTER_MS);
    },
  },
  {
    name: "rolling-restart",
    summary: "every relay is drained (SIGTERM) and started again, one after another",
    origins: 2,
    publishing: "moving",
    gapMs: 1_000,
    undisturbed: false,
    lossless: true,
    run: rollingRestart,
  },
  {
    name: "continents",
    summary:
      "two regions with one parent region, across an ocean of 40 ms; all regionals of the parent are killed and come back",
    origins: 1,
    publishing: "one",
    gapMs: 1_000,
    undisturbed: true,
    lossless: true,
    hubs: 2,
    run: continents,
  },
  {
    name: "upgrade",
    summary: "relays of an earlier version (--from) are replaced by this one, a canary first, and all back again",
    origins: 2,
    publishing: "moving",
    gapMs: 1_000,
    undisturbed: false,
    lossless: true,
    upgrade: true,
    run: upgrade,
  },
];

/** The relay that serves runs on, and the packets between it and the relays that dialled it vanish for a while. */
function cutOff(role: "regional" | "origin", origins: number): Drill {
  const which = role === "regional" ? "the regional that serves" : "the one of two origins that serves";
  return {
    name: `cut-${role}`,
    summary: `all packets between ${which} and the relays that take tracks from it vanish for ${CUT_S} s`,
    origins,
    publishing: origins > 1 ? "all" : "one",
    gapMs: FAILOVER_MS,
    undisturbed: true,
    lossless: true,
    cuts: true,
    run: async ({ mesh, cuts, say }) => {
      const node = await serving(mesh.nodes, role);
      say(`${node.name} is cut off`);
      cuts?.cut(node);
      await sleep(AWAY_MS);
      say(`${node.name} is reached again`);
      await sleep(AFTER_MS);
    },
  };
}

/** By name. */
export const DRILLS: ReadonlyMap<string, Drill> = new Map(ALL.map((drill) => [drill.name, drill]));

async function killRoot({ mesh, broadcasting, say, figure, wrong }: Exercise): Promise<void> {
  const [root] = mesh.role("root");
  if (root === undefined) throw new BenchError("a mesh without a root");
  say("killing the root");
  await root.kill();
  await sleep(AWAY_MS);
  const from = performance.now();
  await root.start();
  const started = performance.now();
  say("the root is back");
  const complete = await waitFor(2 * REGISTRY_MS, async () =>
    knowsAll(await registryOf(root), mesh, broadcasting.path),
  );
  const ms = Math.round(performance.now() - started);
  figure("root_start_ms", Math.round(started - from));
  if (complete !== undefined) figure("registry_complete_ms", ms);
  if (complete === undefined || ms > REGISTRY_MS) wrong(`the registry of the root is not complete after ${ms} ms`);
  await sleep(BETWEEN_MS);
}

async function rollingRestart(exercise: Exercise): Promise<void> {
  const { mesh, say, figure } = exercise;
  const order = ["edge", "regional", "origin", "root"].flatMap((role) => mesh.role(role));
  let longest = 0;
  for (const node of order) {
    const drained = await restart(exercise, node);
    longest = Math.max(longest, drained);
    say(`${node.name} restarted; it drained for ${(drained / 1_000).toFixed(1)} s`);
    await sleep(BETWEEN_MS);
  }
  figure("relays_restarted", order.length);
  figure("longest_drain_ms", Math.round(longest));
  await sleep(USUAL_GAP_MS);
}
