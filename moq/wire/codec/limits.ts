/**
 * Bounds of what a peer may send. A path, a name or a frame over its bound is refused alone. Over any other bound the peer breaks the
 * protocol.
 */
export interface WireLimits {
  /** Bytes of a control message after its length. */
  readonly messageBytes: number;
  /** Bytes of a broadcast path, root excluded. */
  readonly pathBytes: number;
  readonly trackNameBytes: number;
  /** Segments of a path. */
  readonly pathParts: number;
  /** Hop ids of an announcement. */
  readonly hops: number;
  /** Payload bytes of a frame; more ends the group. */
  readonly frameBytes: number;
  readonly setupParameters: number;
  /** Bytes of a URI in GOAWAY or of a path in SETUP. */
  readonly uriBytes: number;
}

export const DEFAULT_WIRE_LIMITS: WireLimits = {
  // The largest legitimate message is a SETUP or GOAWAY with a URI of 8 KiB. An announcement with 32 hops is under 2 KiB.
  messageBytes: 16 * 1024,
  // Room for 32 parts of 31 bytes. Browsers keep a URL with such a path under 2 KiB.
  pathBytes: 1024,
  // Several times the length of a name such as `video/hd.m4s` or of a digest in hexadecimal.
  trackNameBytes: 256,
  // The bound of other implementations (moq-transport: 32 fields of a namespace).
  pathParts: 32,
  // The bound of other implementations. A mesh has three tiers.
  hops: 32,
  // A key frame of 8K video is a few MiB.
  frameBytes: 16 * 1024 * 1024,
  // The bound of other implementations.
  setupParameters: 64,
  // The bound of moq-transport for the URI of a GOAWAY. Tokens travel in the query.
  uriBytes: 8 * 1024,
};
