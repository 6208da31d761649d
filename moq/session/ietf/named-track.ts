/** A track of the peer as the model has it. */
export interface NamedTrack {
  /** Absolute. */
  readonly path: string;
  readonly track: string;
}

/** The same for the same track. A track name has no `/`, which is percent-encoded there. */
export function keyOf({ path, track }: NamedTrack): string {
  return `${path}/${track}`;
}
