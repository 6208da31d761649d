export { type Allowance, FRAME_UNITS, MESSAGE_UNITS, PAYLOAD_UNIT_BITS, READ, UNBOUNDED } from "./allowance.ts";
export { Cursor } from "./cursor.ts";
export { BoundExceeded, ProtocolViolation, RequestViolation, type WireBound } from "./errors.ts";
export { Inbox } from "./inbox.ts";
export { LEADING_ONES_VARINTS, putLeadingOnes } from "./leading-ones-varint.ts";
export { DEFAULT_WIRE_LIMITS, type WireLimits } from "./limits.ts";
export {
  getVarint,
  getVarintBig,
  putVarint,
  putVarintBig,
  QUIC_VARINTS,
  varintSize,
} from "./quic-varint.ts";
export type { VarintCodec } from "./varint.ts";
export { Writer } from "./writer.ts";
