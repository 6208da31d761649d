/** Groups that are remembered: several times what the longest drill publishes. */
const GROUPS_KEPT = 1_024;

interface GroupLog {
  readonly seen: Uint8Array;
  frames: number;
}

/** What one viewer has got: which frames of which groups, and how long it waited for the next new one. */
export class WatchLog {
  readonly #framesPerGroup: number;
  /** By sequence, oldest first. */
  readonly #groups = new Map<number, GroupLog>();
  #lastUs: number | undefined;
  #gapUs = 0;
  #gapFromUs = 0;
  #frames = 0;

  constructor(framesPerGroup: number) {
    this.#framesPerGroup = framesPerGroup;
  }

  /** Different frames since the last `restart`. */
  get frames(): number {
    return this.#frames;
  }

  /** False when it was there before. */
  frame(number: number, nowUs: number): boolean {
    const log = this.#group(Math.floor(number / this.#framesPerGroup));
    const index = number % this.#framesPerGroup;
    if (log.seen[index] === 1) return false;
    log.seen[index] = 1;
    log.frames++;
    this.#frames++;
    if (this.#lastUs !== undefined) this.#wait(this.#lastUs, nowUs);
    this.#lastUs = nowUs;
    return true;
  }

  /** Measures anew; a wait that is under way counts from where it began. */
  restart(): void {
    this.#gapUs = 0;
    this.#gapFromUs = 0;
    this.#frames = 0;
  }

  /** The longest wait, one that is under way at `nowUs` included. */
  longest(nowUs: number): { gapUs: number; fromUs: number } {
    const waiting = this.#lastUs === undefined ? 0 : nowUs - this.#lastUs;
    return waiting > this.#gapUs
      ? { gapUs: waiting, fromUs: this.#lastUs ?? 0 }
      : { gapUs: this.#gapUs, fromUs: this.#gapFromUs };
  }

  /** Those of `groups` that have not come whole. */
  lost(groups: readonly number[]): number[] {
    return groups.filter((sequence) => this.#groups.get(sequence)?.frames !== this.#framesPerGroup);
  }

  #wait(fromUs: number, nowUs: number): void {
    if (nowUs - fromUs <= this.#gapUs) return;
    this.#gapUs = nowUs - fromUs;
    this.#gapFromUs = fromUs;
  }

  #group(sequence: number): GroupLog {
    let log = this.#groups.get(sequence);
    if (log === undefined) {
      log = { seen: new Uint8Array(this.#framesPerGroup), frames: 0 };
      this.#groups.set(sequence, log);
      const [oldest] = this.#groups.keys();
      if (this.#groups.size > GROUPS_KEPT && oldest !== undefined) this.#groups.delete(oldest);
    }
    return log;
  }
}
