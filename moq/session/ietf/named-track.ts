/** A track of the peer as the model has it. */
export interface NamedTrack {
  /** Absolute. */
  readonly path: string;
  readonly track: string;
}

/** The same for the same track, and for no other. The path of a namespace has no empty field and no `/` at its end; a track name may have both. */
export function keyOf({ path, track }: NamedTrack): string {
  return `${path}//${track}`;
}
