/** The health of a relay: checks in the background, their damped states, and the samplers that they read. */

export { certificateChecks } from "./certificate.ts";
export { clockCheck } from "./clock-jump.ts";
export type { Check, HealthReport } from "./contract.ts";
export { engineWorkersCheck } from "./engine-workers.ts";
export { EventLoopDelay, eventLoopCheck } from "./event-loop.ts";
export { fact, unsteady, withSeverity } from "./fact.ts";
export { MemoryMeter, memoryCheck, residentBytes } from "./memory.ts";
export { HEALTH_METRICS, healthReadings } from "./metrics.ts";
export { HealthMonitor } from "./monitor.ts";
export { OwnSessions } from "./own-sessions.ts";
export { HealthThread } from "./port.ts";
export { type Plane, selfProbe } from "./self-probe.ts";
export { stallLine } from "./stall-watch.ts";
export { stateFolderCheck } from "./state-folder.ts";
export { udpCheck, udpDrops } from "./udp.ts";
