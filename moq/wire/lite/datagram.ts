import { QUIC_VARINTS, type VarintCodec } from "../codec/index.ts";
import { newWriter } from "./codec.ts";

/** A group of one frame in a QUIC datagram (moq-lite Datagrams). */
export interface Datagram {
  readonly subscribe: number;
  readonly sequence: number;
  /** Absolute, in the track's timescale; from 0 to 2^53-1. */
  readonly timestamp: number;
  /** Of a decoded datagram: a view of the body. */
  readonly payload: Uint8Array;
}

/** Longest body; a longer one is dropped on receipt. */
export const DATAGRAM_BYTES = 1200;

/** Datagrams have no negative timestamps: one before 0 is written as 0. */
export function encodeDatagram(datagram: Datagram, varints: VarintCodec = QUIC_VARINTS): Uint8Array {
  return newWriter({ varints })
    .varint(datagram.subscribe)
    .varint(datagram.sequence)
    .varint(Math.max(0, datagram.timestamp))
    .raw(datagram.payload)
    .finish();
}

/** Returns nothing for a body that is too long or malformed: such a datagram is dropped, and the session goes on. */
export function decodeDatagram(bytes: Uint8Array, varints: VarintCodec = QUIC_VARINTS): Datagram | undefined {
  if (bytes.length > DATAGRAM_BYTES) return undefined;
  const numbers: number[] = [];
  let at = 0;
  for (let i = 0; i < 3; i++) {
    const first = bytes[at];
    if (first === undefined || at + varints.size(first) > bytes.length) return undefined;
    const value = varints.read(bytes, at);
    if (!Number.isSafeInteger(value)) return undefined;
    numbers.push(value);
    at += varints.size(first);
  }
  const [subscribe = 0, sequence = 0, timestamp = 0] = numbers;
  return { subscribe, sequence, timestamp, payload: bytes.subarray(at) };
}
