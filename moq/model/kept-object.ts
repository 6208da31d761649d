import type { ObjectStatus } from "./contract.ts";

/** What is known of a kept object beside its payload. */
export interface KeptObject {
  id: number;
  size: number;
  timestamp: number;
  status: ObjectStatus | undefined;
  properties: Uint8Array | undefined;
}
