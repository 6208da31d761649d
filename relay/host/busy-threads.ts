import { performance } from "node:perf_hooks";
import type { Engine } from "../../moq/link.ts";

/** The busy part of the busiest thread of a relay since the last call, from 0 to 1: of JavaScript's thread and those of the engine. */
export function busyThreads(engine: Pick<Engine, "pulses">, now: () => number): () => number {
  let before = { at: now(), loop: performance.eventLoopUtilization(), workers: workersOf(engine) };
  return () => {
    const next = { at: now(), loop: performance.eventLoopUtilization(), workers: workersOf(engine) };
    const { utilization } = performance.eventLoopUtilization(next.loop, before.loop);
    const seconds = (next.at - before.at) / 1_000;
    const parts = next.workers.map((busy, index) => (busy - (before.workers[index] ?? 0)) / seconds);
    before = next;
    const busiest = parts.reduce((most, part) => Math.max(most, part), utilization);
    return seconds > 0 ? Math.min(1, busiest) : 0;
  };
}

function workersOf(engine: Pick<Engine, "pulses">): number[] {
  return (engine.pulses?.() ?? []).map(({ busySeconds }) => busySeconds);
}
