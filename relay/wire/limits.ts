/** Bounds of what is read from a peer. All but `frameBytes` are protocol violations when exceeded. */
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
  // The largest sound message is an announcement with a long path and 32 hops: under 2 KiB.
  messageBytes: 16 * 1024,
  pathBytes: 1024,
  trackNameBytes: 256,
  // As peers have it (moq-transport: 32 fields of a namespace).
  pathParts: 32,
  // As peers have it; a mesh has three tiers.
  hops: 32,
  // A key frame of 8K video is a few MiB.
  frameBytes: 16 * 1024 * 1024,
  // As peers have it.
  setupParameters: 64,
  uriBytes: 8 * 1024,
};
