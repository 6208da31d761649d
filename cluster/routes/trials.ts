import type { Clock } from "../../moq/clock.ts";

/** Each further loss soon after a trial doubles the next trial, up to this factor: a relay that comes and goes is left alone for longer. */
const MAX_FACTOR = 16;
/** A loss is soon where it comes within this many trials. */
const SOON = 10;

/** Trials that are remembered; the oldest is forgotten first. A relay without one counts as stable. */
const MAX_TRIALS = 16_384;

interface Trial {
  readonly from: number;
  readonly ms: number;
}

export interface TrialsDeps {
  readonly clock: Clock;
  /** Milliseconds that a relay must be back before it is preferred again; 0: none. */
  readonly returnMs: number;
  /** A trial is over. */
  readonly changed: () => void;
}

/**
 * Relays, and broadcasts at relays, that have just come back: while another holder of the same content is there for longer, it is preferred,
 * so that viewers do not follow one that comes and goes.
 */
export class Trials {
  readonly #deps: TrialsDeps;
  readonly #byKey = new Map<string, Trial>();
  #cancel: (() => void) | undefined;

  constructor(deps: TrialsDeps) {
    this.#deps = deps;
  }

  /** A relay, or its broadcast, was lost or has come back. */
  begin(node: string, path?: string): void {
    const { clock, returnMs } = this.#deps;
    if (returnMs === 0) return;
    const key = keyOf(node, path);
    const now = clock.now();
    const before = this.#byKey.get(key);
    const soon = before !== undefined && now - before.from < SOON * before.ms;
    // The trial that is under way begins again.
    const running = before !== undefined && now - before.from < before.ms;
    const ms = !soon ? returnMs : running ? before.ms : Math.min(before.ms * 2, returnMs * MAX_FACTOR);
    this.#byKey.delete(key);
    this.#byKey.set(key, { from: now, ms });
    const [oldest] = this.#byKey.keys();
    if (this.#byKey.size > MAX_TRIALS && oldest !== undefined) this.#byKey.delete(oldest);
    this.#arm(ms);
  }

  has(node: string, path: string): boolean {
    return this.#runs(keyOf(node)) || this.#runs(keyOf(node, path));
  }

  close(): void {
    this.#cancel?.();
  }

  #runs(key: string): boolean {
    const trial = this.#byKey.get(key);
    return trial !== undefined && this.#deps.clock.now() - trial.from < trial.ms;
  }

  /** Chooses routes again when a trial ends, as long as one runs; trials that begin meanwhile end at most one step later. */
  #arm(ms: number): void {
    const { clock, returnMs, changed } = this.#deps;
    this.#cancel ??= clock.timer(Math.min(ms, returnMs), () => {
      this.#cancel = undefined;
      const left = [...this.#byKey.values()]
        .map(({ from, ms: all }) => from + all - clock.now())
        .filter((one) => one > 0);
      if (left.length > 0) this.#arm(left.reduce((least, one) => Math.min(least, one)));
      changed();
    });
  }
}

function keyOf(node: string, path?: string): string {
  return path === undefined ? node : `${node} ${path}`;
}
