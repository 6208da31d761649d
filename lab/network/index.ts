/** The simulated network: an engine without sockets, and a clock that tests advance. */
export { ManualClock } from "./manual-clock.ts";
export { type MemoryEngine, MemoryNetwork, type Wire } from "./memory-network.ts";
