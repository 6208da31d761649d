import {
  type Allowance,
  BoundExceeded,
  FRAME_UNITS,
  getVarint,
  PAYLOAD_UNIT_BITS,
  ProtocolViolation,
  putVarint,
  READ,
  UNBOUNDED,
  varintSize,
  type WireLimits,
} from "../codec/index.ts";
import { getSigned, putSigned } from "./signed-varint.ts";
import type { Capabilities } from "./versions.ts";

/** Is called with frames as they arrive. */
export interface FrameSink {
  /** A frame begins. `timestamp` is absolute, in the track's timescale; absent where the version has none. */
  object(size: number, timestamp: number | undefined): void;
  /** The next bytes of the frame, valid during the call. */
  payload(bytes: Uint8Array): void;
  /** The frame is complete. */
  end(): void;
}

/** Longest header: two varints of 8 bytes. */
const MAX_HEADER = 16;

/** Memory of {@link encodeFrameHeader}, and its first bytes by number. */
const header = new Uint8Array(MAX_HEADER);
const headers = Array.from({ length: MAX_HEADER + 1 }, (_, length) => header.subarray(0, length));

/**
 * Bytes before a frame's payload: the timestamp delta where the version has one, then the size. `delta` is an integer; one beyond
 * ±(2^53-1) is written as ±(2^53-1). The bytes are valid until the next call.
 */
export function encodeFrameHeader(caps: Capabilities, size: number, delta: number): Uint8Array {
  const stamp = Math.max(-Number.MAX_SAFE_INTEGER, Math.min(delta, Number.MAX_SAFE_INTEGER));
  const length = putVarint(header, caps.timestamps ? putSigned(header, 0, stamp) : 0, size);
  return headers[length] as Uint8Array;
}

/**
 * Reads the frames of a group stream or of the answer to a fetch, from pieces of any size. Payloads are passed on as they arrive. Only
 * a header that is cut in two is copied.
 */
export class FrameReader {
  readonly #timestamps: boolean;
  readonly #maxBytes: number;
  readonly #sink: FrameSink;
  /** Payload bytes of the current frame that are missing; -1 between frames. */
  #missing = -1;
  /** Timestamp of the current frame, or of the last one. */
  #timestamp = 0;
  /** The bytes so far of an incomplete header, once there was one. */
  #header: Uint8Array | undefined;
  #held = 0;

  constructor(caps: Capabilities, limits: WireLimits, sink: FrameSink) {
    this.#timestamps = caps.timestamps;
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
        at = this.#begin(bytes, at);
        continue;
      }
      const take = Math.min(this.#missing, bytes.length - at);
      this.#missing -= take;
      allowance.left -= take >> PAYLOAD_UNIT_BITS;
      this.#sink.payload(at === 0 && take === bytes.length ? bytes : bytes.subarray(at, at + take));
      at += take;
      if (this.#missing === 0) this.#end();
    }
    return READ;
  }

  /** Bytes of the current payload that are missing; 0 between frames, and nothing inside a header. */
  get left(): number | undefined {
    return this.#held > 0 ? undefined : Math.max(0, this.#missing);
  }

  /** The stream has ended. Inside a frame that is a violation. */
  finish(): void {
    if (this.#missing >= 0 || this.#held > 0) throw new ProtocolViolation("FRAME", "stream ends inside a frame");
  }

  /** Reads a header, or keeps the bytes so far of an incomplete one. Returns the position after them. */
  #begin(bytes: Uint8Array, at: number): number {
    if (this.#held === 0) {
      const length = this.#headerLength(bytes, at, bytes.length);
      if (length > 0) {
        this.#open(bytes, at);
        return at + length;
      }
    }
    const before = this.#held;
    const take = Math.min(MAX_HEADER - before, bytes.length - at);
    this.#header ??= new Uint8Array(MAX_HEADER);
    this.#header.set(bytes.subarray(at, at + take), before);
    this.#held = before + take;
    const length = this.#headerLength(this.#header, 0, this.#held);
    if (length === 0) return at + take;
    this.#held = 0;
    this.#open(this.#header, 0);
    return at + length - before;
  }

  /** Bytes of the header at `at`, or 0 when it is incomplete. */
  #headerLength(from: Uint8Array, at: number, end: number): number {
    let next = at;
    for (let left = this.#timestamps ? 2 : 1; left > 0; left--) {
      if (next >= end) return 0;
      next += varintSize(from[next] as number);
      if (next > end) return 0;
    }
    return next - at;
  }

  #open(from: Uint8Array, at: number): void {
    let next = at;
    if (this.#timestamps) {
      this.#timestamp += getSigned(from, next);
      if (!Number.isSafeInteger(this.#timestamp)) throw new ProtocolViolation("FRAME", "timestamp beyond 2^53-1");
      next += varintSize(from[next] as number);
    }
    const size = getVarint(from, next);
    if (size > this.#maxBytes) {
      throw new BoundExceeded("frame_bytes", `frame of ${size} bytes, at most ${this.#maxBytes}`);
    }
    this.#missing = size;
    this.#sink.object(size, this.#timestamps ? this.#timestamp : undefined);
    if (size === 0) this.#end();
  }

  #end(): void {
    this.#missing = -1;
    this.#sink.end();
  }
}
