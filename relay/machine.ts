import { hostname } from "node:os";
import { CLOUD_METRICS, CloudNotices, HOOK_METRICS, Hooks } from "../machine/index.ts";
import type { Config } from "./config/index.ts";
import type { Departure } from "./departure.ts";
import type { RelayParts } from "./parts.ts";

/** The commands that a configuration names. */
export function openHooks({ health, drain, cluster }: Config, { clock, log, counters }: RelayParts): Hooks {
  const hooks = new Hooks({
    settings: {
      on_change: { command: health.onChange, timeoutMs: health.onChangeTimeoutMs },
      on_drained: { command: drain.onDrained, timeoutMs: drain.onDrainedTimeoutMs },
    },
    facts: { MOQMESH_NODE: cluster.node ?? hostname() },
    clock,
    log,
  });
  counters.attach(HOOK_METRICS, () => hooks.readings());
  return hooks;
}

/** Notices of the cloud that a configuration names. They make the relay leave, and stay when they are withdrawn. */
export function openCloudNotices(
  { cloud }: Config,
  { clock, wallNow, log, counters }: RelayParts,
  departure: Departure,
): CloudNotices {
  const notices = new CloudNotices({
    settings: cloud,
    clock,
    wallNow,
    log,
    leave: async (reason, withinMs) => {
      departure.leave(reason, withinMs);
      await departure.left;
    },
    stay: () => departure.stay(),
  });
  counters.attach(CLOUD_METRICS, () => notices.readings());
  return notices;
}
