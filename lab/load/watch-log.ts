/** Most groups in the log: several times as many as the longest drill publishes. */
const GROUPS_KEPT = 1_024;

interface GroupLog {
  readonly seen: Uint8Array;
  frames: number;
}

/** The frames that one viewer has received, by group, and its longest wait for a new one. */
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

  /** False when the frame was already there. */
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

  /** Starts a new measurement. A wait that is under way counts from its beginning. */
  restart(): void {
    this.#gapUs = 0;
    this.#gapFromUs = 0;
    this.#frames = 0;
  }

  /** The longest wait, with one that is under way at `nowUs`. */
  longest(nowUs: number): { gapUs: number; fromUs: number } {
    const waiting = this.#lastUs === undefined ? 0 : nowUs - this.#lastUs;
    return waiting > this.#gapUs
      ? { gapUs: waiting, fromUs: this.#lastUs ?? 0 }
      : { gapUs: this.#gapUs, fromUs: this.#gapFromUs };
  }

  /** The groups of `groups` that are missing or incomplete. */
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
