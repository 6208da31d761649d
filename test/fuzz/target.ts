/** Something that reads bytes of a peer. */
export interface FuzzTarget {
  readonly name: string;
  /** Inputs that are taken; others are made of them. */
  readonly sound: readonly Uint8Array[];
  /**
   * Reads `input`, which it must not change. True when it was taken, false when it was refused as it should be. Whatever
   * it throws is a failure. The same input does the same each time.
   */
  run(input: Uint8Array): boolean;
}
