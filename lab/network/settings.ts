/** How one direction of a simulated link behaves. All of it may change while the link is in use. */
export interface LaneSettings {
  /** One-way delay in milliseconds. */
  readonly latencyMs: number;
  /** Up to so many milliseconds more, drawn anew for each packet; streams overtake each other, the bytes of one do not. */
  readonly jitterMs: number;
  /** Bytes a second; 0 is without bound. */
  readonly bandwidth: number;
  /** Bytes of one stream that may be on their way or unread; 0 is without bound. */
  readonly streamWindow: number;
  /** The same over all streams of the link. */
  readonly linkWindow: number;
  /** Share of the datagrams that are lost, from 0 to 1. */
  readonly datagramLoss: number;
  /** Longest datagram in bytes; 0 is none at all. */
  readonly maxDatagramSize: number;
  /** False: the receiving program takes nothing from its streams, so that windows fill up. Its link stays alive. */
  readonly reading: boolean;
}

/**
 * A fast local network. The windows are a round trip of 100 ms at 40 and 160 Mbit/s, so that a peer that takes
 * nothing is noticed before it costs much.
 */
export const DEFAULT_SETTINGS: LaneSettings = {
  latencyMs: 0,
  jitterMs: 0,
  bandwidth: 0,
  streamWindow: 512 * 1024,
  linkWindow: 2 * 1024 * 1024,
  datagramLoss: 0,
  maxDatagramSize: 1200,
  reading: true,
};

/** Numbers from 0 to 1, without the 1; the same for the same seed. */
export type Random = () => number;

/** The generator mulberry32; `seed` is taken modulo 2^32. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
