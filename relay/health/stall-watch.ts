/** Notices in a thread of its own that the main thread is blocked, and reports once what it does. */
import type { StackSample } from "./stack-sample.ts";

/** Milliseconds between two looks at the silence of the main thread. */
const LOOK_MS = 250;

/** Milliseconds between two samples: at most one a minute, because each costs the main thread some of its time. */
export const SAMPLE_EVERY_MS = 60_000;

/** Milliseconds after a sample after which it is written without the main thread, which may never come back. */
const WITHOUT_MAIN_MS = 2_000;

/** What is known of a blocked event loop. */
export interface Stall {
  /** Milliseconds for which the main thread was silent when the sample began. */
  readonly silentMs: number;
  /** Absent when the main thread did not answer: it is in native code, or waits for the system. */
  readonly sample?: StackSample;
}

export interface StallWatchDeps {
  /** Milliseconds since the last sign of life of the main thread; undefined before the first one. */
  readonly silentMs: () => number | undefined;
  /** From this silence on the main thread counts as blocked. */
  readonly blockedMs: number;
  readonly sample: () => Promise<StackSample | undefined>;
  /** The main thread lives again: it logs the stall itself. */
  readonly report: (stall: Stall) => void;
  /** The main thread is still blocked: this thread writes the line. */
  readonly write: (stall: Stall) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export class StallWatch {
  readonly #deps: StallWatchDeps;
  /** The silence was too long at the last look already: a machine that was suspended is silent for one look. */
  #suspected = false;
  #sampledAt = Number.NEGATIVE_INFINITY;
  #sampling = false;
  /** A sample that nobody has logged yet. */
  #pending: { readonly stall: Stall; readonly at: number } | undefined;

  constructor(deps: StallWatchDeps) {
    this.#deps = deps;
  }

  /** Looks until the thread ends. */
  start(): void {
    setInterval(() => void this.look(), LOOK_MS);
  }

  async look(): Promise<void> {
    const { silentMs, blockedMs, now } = this.#deps;
    const silence = silentMs() ?? 0;
    const blocked = silence >= blockedMs;
    this.#hand(blocked);
    const before = this.#suspected;
    this.#suspected = blocked;
    if (!blocked || !before || this.#sampling || now() - this.#sampledAt < SAMPLE_EVERY_MS) return;
    this.#sampling = true;
    this.#sampledAt = now();
    const sample = await this.#deps.sample();
    this.#sampling = false;
    this.#pending = { stall: { silentMs: silence, ...(sample && { sample }) }, at: now() };
  }

  #hand(blocked: boolean): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    const { now, report, write } = this.#deps;
    if (blocked && now() - pending.at < WITHOUT_MAIN_MS) return;
    this.#pending = undefined;
    if (blocked) write(pending.stall);
    else report(pending.stall);
  }
}

/** The fields of the log's line about a stall, and its text. */
export function stallLine({ silentMs, sample }: Stall): { readonly fields: object; readonly text: string } {
  const text = "event loop blocked: the relay serves no session meanwhile";
  const common = { code: "event_loop_blocked", silentMs };
  if (sample === undefined) {
    const why = "the main thread runs no JavaScript: it is in native code, or waits for the system";
    return { fields: { ...common, stack: [], why }, text };
  }
  return { fields: { ...common, share: Math.round(sample.share * 100) / 100, stack: sample.frames }, text };
}
