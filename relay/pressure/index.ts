/** What keeps a relay alive when more is asked of it than the machine has. */
export { heapMemory, memoryCollector } from "./garbage.ts";
export { HANDSHAKE_METRICS, type HandshakeBounds, HandshakeRate } from "./handshake-rate.ts";
export { MemoryShedding, SHEDDING_METRICS } from "./memory-shedding.ts";
export { SpareMemory } from "./spare-memory.ts";
export { UnusedSessions } from "./unused-sessions.ts";
