import type { Random } from "../random.ts";
import { isDark, type PathSpec, rateAt } from "./spec.ts";

/** Packets of one direction, by what became of them. */
export interface Counts {
  passed: number;
  /** Lost by chance. */
  lost: number;
  /** Dropped because the queue at the bottleneck was full. */
  dropped: number;
  /** Sent during the outage. */
  dark: number;
  /** Passed, held back so that later ones overtake them. */
  overtaken: number;
}

/**
 * One direction of a path: says for each packet how long it takes, or that it is lost. Losses come in bursts by the model of Gilbert: in its
 * bad state every packet is lost, and it leaves that state with the chance `1 / burst`.
 */
export class Shaper {
  readonly counts: Counts = { passed: 0, lost: 0, dropped: 0, dark: 0, overtaken: 0 };
  readonly #spec: PathSpec;
  readonly #random: Random;
  #bad = false;
  /** When the bottleneck has sent what waits, and when the last packet that kept its order arrives. Milliseconds. */
  #freeAt = 0;
  #lastAt = 0;

  constructor(spec: PathSpec, random: Random) {
    this.#spec = spec;
    this.#random = random;
  }

  /** Milliseconds until a packet of `bytes` that is sent at `nowMs` arrives; undefined when it is lost. The beginning is at `beginAtMs`. */
  pass(nowMs: number, bytes: number, beginAtMs: number): number | undefined {
    const { counts } = this;
    const seconds = (nowMs - beginAtMs) / 1_000;
    if (isDark(this.#spec, seconds)) {
      counts.dark++;
      return undefined;
    }
    if (this.#loses()) {
      counts.lost++;
      return undefined;
    }
    const waitMs = this.#queue(nowMs, bytes, rateAt(this.#spec, seconds));
    if (waitMs === undefined) {
      counts.dropped++;
      return undefined;
    }
    counts.passed++;
    const { delay, jitter, reorder, reorderBy } = this.#spec;
    const at = nowMs + waitMs + delay + (jitter > 0 ? jitter * this.#random() : 0);
    if (reorder > 0 && this.#random() < reorder) {
      counts.overtaken++;
      return at + reorderBy * (0.2 + 0.8 * this.#random()) - nowMs;
    }
    this.#lastAt = Math.max(this.#lastAt, at);
    return this.#lastAt - nowMs;
  }

  #loses(): boolean {
    const { loss, burst } = this.#spec;
    if (loss === 0) return false;
    // The share of time in the bad state is `loss` when it is entered with this chance.
    const enter = Math.min(1, loss / (burst * (1 - loss)));
    this.#bad = this.#random() < (this.#bad ? 1 - 1 / burst : enter);
    return this.#bad;
  }

  /** Milliseconds at the bottleneck, sending included; undefined when its queue is full. */
  #queue(nowMs: number, bytes: number, mbps: number): number | undefined {
    if (mbps === 0) return 0;
    const free = Math.max(this.#freeAt, nowMs);
    if (free - nowMs > this.#spec.queue) return undefined;
    this.#freeAt = free + (bytes * 8) / (mbps * 1_000);
    return this.#freeAt - nowMs;
  }
}
