/** Limits of tenants that hold over all relays of a mesh: what relays report, and how a root divides. */
export { TenantBoard } from "./board.ts";
export { type PerKind, perKind, TENANT_KINDS, type TenantGrant, type TenantReport } from "./contract.ts";
export { TenantDesk, type TenantUsage } from "./desk.ts";
export { decodeGrant, decodeReport, encodeGrant, encodeReport } from "./wire.ts";
