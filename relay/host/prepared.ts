/** New settings of one part of the relay, checked and loaded but not used yet. One of the two functions is called, once. */
export interface Prepared {
  /** Uses the settings. Never throws. True when files have new content. */
  readonly commit: () => boolean;
  /** Frees what was loaded. */
  readonly discard: () => void;
}
