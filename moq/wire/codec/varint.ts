/**
 * How a protocol family writes unsigned integers of variable length. A family has one codec, which it gives to each `Cursor`,
 * `Writer` and `Inbox` that it makes. Code that runs for every frame calls the family's own functions directly.
 */
export interface VarintCodec {
  /** Bytes of the longest varint. */
  readonly longest: number;
  /** The largest value that can be written. */
  readonly max: bigint;
  /** Bytes of the varint that begins with the byte `first`. */
  size(first: number): number;
  /** The whole varint at `at`. A value above 2^53-1 is approximate. */
  read(from: Uint8Array, at: number): number;
  /** The whole varint at `at`, exactly. */
  readBig(from: Uint8Array, at: number): bigint;
  /** Bytes that `value` takes when it is written. */
  length(value: number): number;
  /** Writes `value`, an integer from 0 to 2^53-1, at `at`; returns the position after it. */
  write(into: Uint8Array, at: number, value: number): number;
  /** Likewise for a value from 0 to {@link max}. */
  writeBig(into: Uint8Array, at: number, value: bigint): number;
}
