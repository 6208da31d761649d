/** Frames of versions whose integers have leading ones. Otherwise as in frame.ts, always with timestamps. */
import {
  type Allowance,
  BoundExceeded,
  FRAME_UNITS,
  LEADING_ONES_VARINTS as ONES,
  PAYLOAD_UNIT_BITS,
  ProtocolViolation,
  READ,
  UNBOUNDED,
  type WireLimits,
} from "../codec/index.ts";
import type { FrameSink } from "./frame.ts";
import { HeldHeader } from "./held-header.ts";

/** Longest header that is written: two varints of 8 bytes. */
const MAX_HEADER = 16;

/** Memory of {@link encodeOnesFrameHeader}, and its first bytes by number. */
const header = new Uint8Array(MAX_HEADER);
const headers = Array.from({ length: MAX_HEADER + 1 }, (_, length) => header.subarray(0, length));

/** Bytes before a frame's payload: the timestamp delta, at most ±(2^53-1), then the size. Valid until the next call. */
export function encodeOnesFrameHeader(size: number, delta: number): Uint8Array {
  const stamp = Math.max(-Number.MAX_SAFE_INTEGER, Math.min(delta, Number.MAX_SAFE_INTEGER));
  const mapped = stamp < 0 ? -stamp * 2 - 1 : stamp * 2;
  const next = Number.isSafeInteger(mapped) ? ONES.write(header, 0, mapped) : ONES.writeBig(header, 0, zigzag(stamp));
  return headers[ONES.write(header, next, size)] as Uint8Array;
}

function zigzag(value: number): bigint {
  const exact = BigInt(value);
  return exact < 0n ? -exact * 2n - 1n : exact * 2n;
}

/** The signed varint at `at`; NaN for one beyond ±(2^53-1). */
function signedAt(from: Uint8Array, at: number): number {
  const mapped = ONES.read(from, at);
  if (mapped <= Number.MAX_SAFE_INTEGER) return mapped % 2 === 0 ? mapped / 2 : -(mapped + 1) / 2;
  const exact = ONES.readBig(from, at);
  const value = Number(exact % 2n === 0n ? exact / 2n : -((exact + 1n) / 2n));
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** Reads the frames of a stream from pieces of any size. Payloads are passed on as they arrive. */
export class OnesFrameReader {
  readonly #maxBytes: number;
  readonly #sink: FrameSink;
  readonly #header = new HeldHeader((from, at, end) => this.#open(from, at, end));
  /** Payload bytes of the current frame that are missing; -1 between frames. */
  #missing = -1;
  /** Timestamp of the current frame, or of the last one. */
  #timestamp = 0;

  constructor(limits: WireLimits, sink: FrameSink) {
    this.#maxBytes = limits.frameBytes;
    this.#sink = sink;
  }

  /** Returns the bytes that the allowance leaves unread, valid until the next call. */
  push(bytes: Uint8Array, allowance: Allowance = UNBOUNDED): Uint8Array {
    let at = 0;
    while (at < bytes.length) {
      if (allowance.left <= 0 && !allowance.more()) return bytes.subarray(at);
      if (this.#missing < 0) {
        allowance.left -= FRAME_UNITS;
        at = this.#header.read(bytes, at);
        continue;
      }
      const take = Math.min(this.#missing, bytes.length - at);
      this.#missing -= take;
      allowance.left -= take >> PAYLOAD_UNIT_BITS;
      this.#sink.payload(bytes.subarray(at, at + take));
      at += take;
      if (this.#missing === 0) this.#end();
    }
    return READ;
  }

  /** As `FrameReader.left`. */
  get left(): number | undefined {
    return this.#header.begun ? undefined : Math.max(0, this.#missing);
  }

  /** The stream has ended. Inside a frame that is a violation. */
  finish(): void {
    if (this.#missing >= 0 || this.#header.begun) throw new ProtocolViolation("FRAME", "stream ends inside a frame");
  }

  #open(from: Uint8Array, at: number, end: number): number {
    if (at >= end) return at - end - 1;
    const second = at + ONES.size(from[at] as number);
    // The second varint has at least one byte.
    if (second >= end) return at - second - 1;
    const next = second + ONES.size(from[second] as number);
    if (next > end) return at - next;
    this.#timestamp += signedAt(from, at);
    if (!Number.isSafeInteger(this.#timestamp)) throw new ProtocolViolation("FRAME", "timestamp beyond 2^53-1");
    const size = ONES.read(from, second);
    if (size > this.#maxBytes) {
      throw new BoundExceeded("frame_bytes", `frame of ${size} bytes, at most ${this.#maxBytes}`);
    }
    this.#missing = size;
    this.#sink.object(size, this.#timestamp);
    if (size === 0) this.#end();
    return next - at;
  }

  #end(): void {
    this.#missing = -1;
    this.#sink.end();
  }
}
