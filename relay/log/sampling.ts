/**
 * Bounds the lines of one kind in a flood: the first ones of each second are written, the rest is counted, and one line says how many were
 * left out. Lines are of one kind when they have the same level and the same text.
 */
import { counter, metricGroup } from "../../moq/metrics.ts";

export const SAMPLING_METRICS = metricGroup("Log sampling", {
  suppressed: counter(
    "log_lines_suppressed_total",
    "Lines of the log that were left out because the same line came too often; `[log] burst` has the bound.",
  ),
});

/** Milliseconds over which lines of one kind are counted. */
const INTERVAL_MS = 1_000;

/** Most kinds that are counted apart. Texts that name a relay or a file make many kinds; the rest of them count as one. */
const MAX_KINDS = 1_024;
const OTHER_KIND = "other";

/** Characters of a text that tell kinds apart, so that one line cannot fill the memory. */
const TEXT_MAX = 120;

export interface SamplingDeps {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Calls back once, later. Does not keep the process alive. */
  readonly timer: (delayMs: number, callback: () => void) => void;
  /** Lines of one kind that are written in each second; 0: all. */
  readonly burst: number;
  /** Writes the line about `suppressed` lines with the text `message` at `level`. */
  readonly summarize: (level: number, summary: Suppressed) => void;
}

/** Fields of the line that stands for those that were left out. */
export interface Suppressed {
  readonly message: string;
  readonly suppressed: number;
  readonly seconds: number;
}

interface Kind {
  readonly level: number;
  readonly message: string;
  readonly since: number;
  lines: number;
}

export class Sampling {
  readonly #deps: SamplingDeps;
  #burst: number;
  readonly #kinds = new Map<string, Kind>();
  #scheduled = false;
  #suppressed = 0;

  constructor(deps: SamplingDeps) {
    this.#deps = deps;
    this.#burst = deps.burst;
  }

  /** Lines that were left out since the start. */
  get suppressed(): number {
    return this.#suppressed;
  }

  set burst(lines: number) {
    this.#burst = lines;
  }

  /** True when a line may be written. Every line is counted. */
  take(level: number, text: string): boolean {
    if (this.#burst === 0) return true;
    const kind = this.#kind(level, text);
    kind.lines += 1;
    if (kind.lines <= this.#burst) return true;
    this.#suppressed += 1;
    return false;
  }

  #kind(level: number, text: string): Kind {
    this.#schedule();
    const message = text.slice(0, TEXT_MAX);
    const key = `${level} ${message}`;
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    const full = this.#kinds.size >= MAX_KINDS;
    const other = full ? this.#kinds.get(OTHER_KIND) : undefined;
    if (other !== undefined) return other;
    const kind = { level, message: full ? "lines of many kinds" : message, since: this.#deps.now(), lines: 0 };
    this.#kinds.set(full ? OTHER_KIND : key, kind);
    return kind;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#deps.timer(INTERVAL_MS, () => this.#summarize());
  }

  /** Begins the next second. */
  #summarize(): void {
    this.#scheduled = false;
    const kinds = [...this.#kinds.values()];
    this.#kinds.clear();
    for (const { level, message, since, lines } of kinds) {
      const suppressed = lines - this.#burst;
      if (suppressed <= 0 || this.#burst === 0) continue;
      const seconds = Math.round((this.#deps.now() - since) / 100) / 10;
      this.#deps.summarize(level, { message, suppressed, seconds });
    }
  }
}
