/** The simulated network: an engine without sockets, and a clock that is turned by hand. */
export { ManualClock } from "./manual-clock.ts";
export { type MemoryEngine, MemoryNetwork } from "./memory-network.ts";
