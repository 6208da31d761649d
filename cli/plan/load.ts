/** What a relay has to carry, and whether a machine can. */
import type { Machine, Tier } from "./machines.ts";
import {
  BYTES_PER_VIEWER,
  CACHE_MOST,
  CACHE_PART,
  CACHE_SECONDS,
  DELIVERY,
  MEMORY_PART,
  RECEIVED,
  RELAY_BYTES,
  ROOT_BYTES_PER_BROADCAST,
  SCRIPT_US_PER_GROUP,
  SCRIPT_US_PER_RECEIVED_FRAME,
  SECOND_THREAD,
  WIRE,
} from "./measured.ts";
import type { PlanRequest } from "./request.ts";

/** The media of one viewer. */
export type Media = Pick<PlanRequest, "bitrate" | "frames" | "groups">;

/** What one relay carries at once. */
export interface Load {
  /** Broadcasts that go out, one for each viewer, or for each relay that pulls it. */
  readonly deliveries: number;
  /** Broadcasts that come in, from publishers or from a relay. */
  readonly broadcasts: number;
}

/** What that takes, as parts of what the machine has: 1 is all of it. */
export interface Use {
  readonly cpu: number;
  /** The one thread of JavaScript. */
  readonly script: number;
  readonly memory: number;
  readonly network: number;
}

export type Limit = keyof Use;

/** As `[limits] sessions`. */
const MOST_SESSIONS = 10_000_000;

const US = 1e6;
const GBIT = 1e9;

/** Microseconds of CPU a second for one broadcast that goes out. */
function cpuOf({ bitrate, frames, groups }: Media): number {
  return frames * DELIVERY.perFrame + groups * DELIVERY.perGroup + (bitrate / 8) * DELIVERY.perByte;
}

/** Parts of `machine` that `load` takes. Each of them grows with deliveries and with broadcasts. */
export function useOf(load: Load, media: Media, machine: Machine, coreSpeed: number): Use {
  const { deliveries, broadcasts } = load;
  const streams = deliveries + broadcasts;
  const received = media.groups * SCRIPT_US_PER_GROUP + media.frames * SCRIPT_US_PER_RECEIVED_FRAME;
  // `[server] threads`: the engine leaves one core to JavaScript.
  const threads = Math.max(1, machine.cores - 1);
  const together = threads > 1 ? SECOND_THREAD : 1;
  const cached = (broadcasts * media.bitrate * CACHE_SECONDS) / 8;
  const cache = Math.min(cached, machine.memoryBytes * CACHE_PART, CACHE_MOST);
  return {
    cpu: ((deliveries + broadcasts * RECEIVED) * cpuOf(media) * together) / (US * threads * coreSpeed),
    script: (deliveries * media.groups * SCRIPT_US_PER_GROUP + broadcasts * received) / (US * coreSpeed),
    memory: (RELAY_BYTES + streams * BYTES_PER_VIEWER + cache) / (machine.memoryBytes * MEMORY_PART),
    // What comes in has its own direction, and is less.
    network: (Math.max(deliveries, broadcasts) * media.bitrate * WIRE) / (machine.internet * GBIT),
  };
}

/** Parts of `machine` that a root takes, which carries no media. */
export function rootUse(broadcasts: number, relays: number, machine: Machine): Use {
  const bytes = RELAY_BYTES + broadcasts * ROOT_BYTES_PER_BROADCAST + relays * BYTES_PER_VIEWER;
  return { cpu: 0, script: 0, memory: bytes / (machine.memoryBytes * MEMORY_PART), network: 0 };
}

export function highest(use: Use): { readonly limit: Limit; readonly part: number } {
  const parts = (Object.entries(use) as [Limit, number][]).map(([limit, part]) => ({ limit, part }));
  return parts.reduce((most, one) => (one.part > most.part ? one : most));
}

/** Whether a machine carries the load and keeps the headroom. */
export function fits(load: Load, tier: Exclude<Tier, "root">, request: PlanRequest): boolean {
  const use = useOf(load, request, request.machines[tier], request.coreSpeed);
  return highest(use).part <= 1 - request.headroom;
}

/** The most viewers that one edge carries; 0 when it carries none. Viewers of as many broadcasts as possible are assumed. */
export function viewersOfEdge(request: PlanRequest): number {
  const carries = (viewers: number) =>
    fits({ deliveries: viewers, broadcasts: Math.min(viewers, request.broadcasts) }, "edge", request);
  return largest(carries, MOST_SESSIONS);
}

/** The largest whole number from 0 to `most` for which `holds`, which fails from some number on. */
export function largest(holds: (value: number) => boolean, most: number): number {
  let [low, high] = [0, most];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (holds(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The smallest whole number from 1 to `most` for which `holds`, which holds from some number on; undefined without one. */
export function smallest(holds: (value: number) => boolean, most: number): number | undefined {
  const failing = largest((value) => value === 0 || !holds(value), most);
  return failing === most ? undefined : failing + 1;
}
