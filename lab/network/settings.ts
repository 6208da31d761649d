/** The behaviour of one direction of a simulated link. Every value may change while the link is in use. */
export interface LaneSettings {
  /** One-way delay in milliseconds. */
  readonly latencyMs: number;
  /**
   * Most milliseconds added to the delay, at random for each packet. Streams overtake each other; bytes of one do not.
   */
  readonly jitterMs: number;
  /** Bytes a second; 0: unlimited. */
  readonly bandwidth: number;
  /** Bytes of one stream that may be in flight or unread; 0: unlimited. */
  readonly streamWindow: number;
  /** The same over all streams of the link. */
  readonly linkWindow: number;
  /**
   * Share of all packets that are lost, from 0 to 1. Packets that are sent again arrive a round trip later, acknowledgements, probes and
   * datagrams never.
   */
  readonly loss: number;
  /** Share of the datagrams that are lost besides, from 0 to 1. */
  readonly datagramLoss: number;
  /** Longest datagram in bytes; 0: no datagrams. */
  readonly maxDatagramSize: number;
  /** False: the receiving program does not read its streams, so that windows fill up. Its link stays alive. */
  readonly reading: boolean;
}

/**
 * A fast local network. The windows hold a round trip of 100 ms at 40 Mbit/s (stream) and 160 Mbit/s (link), so that a
 * peer that does not read is noticed before much is buffered.
 */
export const DEFAULT_SETTINGS: LaneSettings = {
  latencyMs: 0,
  jitterMs: 0,
  bandwidth: 0,
  streamWindow: 512 * 1024,
  linkWindow: 2 * 1024 * 1024,
  loss: 0,
  datagramLoss: 0,
  maxDatagramSize: 1200,
  reading: true,
};
