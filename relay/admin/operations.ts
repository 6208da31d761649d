import type { ListedRevocation } from "../../auth/index.ts";
import type { Clock } from "../../moq/clock.ts";
import type { WorkerPulse } from "../../moq/link.ts";
import type { Broadcasts } from "../../moq/model/index.ts";
import type { AuthGate, SessionHost, SlowLog } from "../host/index.ts";
import type { Audit, Operation, RelayView } from "../http/index.ts";
import type { RunningSettings } from "../reload/index.ts";
import { auditOperations } from "./audit.ts";
import { broadcastOperations } from "./broadcasts.ts";
import { clusterOperations } from "./cluster.ts";
import { configurationOperations } from "./configuration.ts";
import { cacheOperations, drainOperations, heapOperations, logOperations, type RelayControl } from "./control.ts";
import { healthOperations } from "./health.ts";
import type { HeapSnapshots } from "./heap-snapshots.ts";
import { keyOperations } from "./keys.ts";
import { policyOperations } from "./policies.ts";
import { prefixOperations } from "./prefixes.ts";
import { revocationOperations } from "./revocations.ts";
import { sessionOperations } from "./sessions.ts";
import { slowOperations } from "./slow.ts";
import { statusOperations } from "./status.ts";
import { type MeshLinks, trackOperations } from "./tracks.ts";
import { workerOperations } from "./workers.ts";

/** The parts of a relay that operators see and act on. */
export interface AdminParts {
  readonly view: RelayView;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  readonly host: SessionHost;
  readonly broadcasts: Broadcasts;
  readonly slow: SlowLog;
  /** Undefined for a relay that is in no mesh. */
  readonly hops: () => MeshLinks | undefined;
  /** The threads of the engine; nothing where the engine does not show them. */
  readonly pulses: () => readonly WorkerPulse[] | undefined;
  readonly gate: AuthGate;
  readonly control: RelayControl;
  /** Ends a revocation of another relay of the mesh. False when that relay still reports it. */
  readonly endRevocation: (revocation: ListedRevocation) => boolean;
  readonly snapshots: HeapSnapshots;
  readonly settings: RunningSettings;
}

/** Every operation of the admin API. */
export function operations(parts: AdminParts, audit: Audit): Operation[] {
  return [
    ...statusOperations(parts.view),
    ...healthOperations(parts.view),
    ...sessionOperations(parts),
    ...broadcastOperations(parts),
    ...trackOperations(parts),
    ...slowOperations(parts),
    ...prefixOperations(parts),
    ...policyOperations(parts),
    ...workerOperations(parts),
    ...clusterOperations(parts.view),
    ...keyOperations(parts.gate, parts.host),
    ...revocationOperations(parts.gate, parts.endRevocation),
    ...cacheOperations(parts.broadcasts),
    ...drainOperations(parts.control),
    ...logOperations(parts.control),
    ...heapOperations(parts.snapshots),
    ...configurationOperations(parts.settings),
    ...auditOperations(audit),
  ];
}
