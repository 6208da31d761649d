import type { Cursor, WireLimits } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import { MessageReader } from "./message.ts";
import type { Capabilities } from "./versions.ts";

/** PROBE: from the subscriber a target, from the publisher an estimate. 0 is unknown. */
export interface Probe {
  /** Bits per second. */
  readonly bitrate: number;
  /** Milliseconds; 0 in versions without it. */
  readonly rtt: number;
}

export function encodeProbe(message: Probe, caps: Capabilities): Uint8Array {
  const writer = newWriter(caps).varint(message.bitrate);
  if (caps.probeRtt) writer.varint(message.rtt);
  return writer.message();
}

export function readProbe(cursor: Cursor, caps: Capabilities): Probe {
  return { bitrate: cursor.varint(), rtt: caps.probeRtt ? cursor.varint() : 0 };
}

export function probeResponses(caps: Capabilities, limits: WireLimits): MessageReader<Probe> {
  const expected = { clause: "PROBE", typed: false, read: (cursor: Cursor) => readProbe(cursor, caps) };
  return new MessageReader(() => expected, limits, caps);
}
