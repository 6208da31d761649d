/** How a version reads and writes frames: with the varints of QUIC, or with leading ones. */
import type { WireLimits } from "../codec/index.ts";
import { encodeFrameHeader, FrameReader, type FrameSink } from "./frame.ts";
import { encodeOnesFrameHeader, OnesFrameReader } from "./ones-frame.ts";
import type { Capabilities } from "./versions.ts";

export type AnyFrameReader = FrameReader | OnesFrameReader;

export function newFrameReader(caps: Capabilities, limits: WireLimits, sink: FrameSink): AnyFrameReader {
  return caps.leadingOnes ? new OnesFrameReader(limits, sink) : new FrameReader(caps, limits, sink);
}

/** Returns what `encodeFrameHeader` is in that version: the bytes before a payload of `size` bytes, valid until the next call. */
export function frameHeaders(caps: Capabilities): (size: number, delta: number) => Uint8Array {
  return caps.leadingOnes ? encodeOnesFrameHeader : (size, delta) => encodeFrameHeader(caps, size, delta);
}
