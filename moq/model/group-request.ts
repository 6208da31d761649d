/** What a publisher was asked for, and the newest group that was known then. */
interface Outstanding {
  readonly above: number;
  readonly newest: number;
}

/**
 * The viewers' wish for a new group, so that they need not wait for the next one (moq-transport NEW_GROUP_REQUEST). A publisher is asked once,
 * however many viewers ask. A wish is fulfilled when the newest group is another one.
 */
export class GroupRequest {
  #outstanding: Outstanding | undefined;

  /**
   * A viewer wishes for a group from the number `above` on, or for any new one where that is 0. `newest` is the newest group, -1 without one. Both
   * are numbers of the publisher. False where there is such a group, and where the publisher has been asked for one.
   */
  begin(above: number, newest: number): boolean {
    if (above !== 0 && above <= newest) return false;
    const asked = this.pending(newest);
    if (asked !== undefined && asked >= above) return false;
    this.#outstanding = { above, newest };
    return true;
  }

  /** What a publisher is asked for when it is subscribed to. */
  pending(newest: number): number | undefined {
    const asked = this.#outstanding;
    return asked !== undefined && newest <= asked.newest ? asked.above : undefined;
  }
}
