export { Addresses } from "./addresses.ts";
export { Bucket } from "./bucket.ts";
export { ByteRate, type RateState } from "./byte-rate.ts";
export { isLoopback, Networks } from "./networks.ts";
export { Places } from "./places.ts";
export { type Seat, type TenantLimits, type TenantShares, Tenants } from "./tenants.ts";
