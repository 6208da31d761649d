/** Most reasons that are counted separately; the others are counted together. */
const REASONS = 8;

/** Counts sessions that ended unexpectedly, by reason. */
export class LostSessions {
  readonly #reasons = new Map<string, number>();

  add(why: string): void {
    const reason = this.#reasons.has(why) || this.#reasons.size < REASONS ? why : "other reasons";
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
  }

  data(): Record<string, number> {
    return Object.fromEntries(this.#reasons);
  }
}
