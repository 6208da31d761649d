/**
 * Bounds of what is read from a peer. A path, a name or a frame over its bound is refused alone; past the others the peer
 * breaks the protocol.
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
  // The largest sound message is a SETUP or GOAWAY with a URI of 8 KiB; an announcement with 32 hops is under 2 KiB.
  messageBytes: 16 * 1024,
  // Room for 32 parts of 31 bytes; browsers keep a URL that names it under 2 KiB.
  pathBytes: 1024,
  // A name such as `video/hd.m4s`, or a digest in hexadecimal, many times over.
  trackNameBytes: 256,
  // As peers have it (moq-transport: 32 fields of a namespace).
  pathParts: 32,
  // As peers have it; a mesh has three tiers.
  hops: 32,
  // A key frame of 8K video is a few MiB.
  frameBytes: 16 * 1024 * 1024,
  // As peers have it.
  setupParameters: 64,
  // As moq-transport bounds the URI of its GOAWAY; tokens travel in the query.
  uriBytes: 8 * 1024,
};
