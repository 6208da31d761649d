/** A bound on connections that are open at once, shared fairly between addresses. */
export interface Places {
  /**
   * Gives a connection from `address` a place; undefined when there is none. The returned function gives the place back. `cut` is called
   * when the place goes to another connection.
   */
  take(address: string, cut: () => void): (() => void) | undefined;
}
