import { setTimeout as sleep } from "node:timers/promises";

/** Cells of the bar. */
const WIDTH = 24;

/** Milliseconds between two drawings of a bar that follows the clock. */
const STEP_MS = 200;

const CLEAR_LINE = "\r\u001b[2K";

/** Shows the progress of a run: a bar on a terminal, one line per round elsewhere. */
export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #quiet: boolean;
  #round = "";

  /** `quiet`: print nothing if `out` is not a terminal. */
  constructor(out: NodeJS.WriteStream, quiet: boolean) {
    this.#out = out;
    this.#quiet = quiet;
  }

  /** Call this when a round begins. */
  round(label: string): void {
    this.#round = label;
    if (!this.#out.isTTY && !this.#quiet) this.#out.write(`${label}\n`);
  }

  phase(what: string): void {
    this.#draw(what);
  }

  /** `done` from 0 to 1. */
  bar(what: string, done: number): void {
    this.#draw(`${drawBar(done)} ${what}`);
  }

  /** Waits `ms` and shows the progress. */
  async during(what: string, ms: number): Promise<void> {
    const start = performance.now();
    for (let passed = 0; passed < ms; passed = performance.now() - start) {
      this.bar(`${what}, ${Math.ceil((ms - passed) / 1_000)} s`, passed / ms);
      await sleep(Math.min(STEP_MS, ms - passed));
    }
  }

  /** Clears the line. */
  clear(): void {
    if (this.#out.isTTY) this.#out.write(CLEAR_LINE);
  }

  #draw(text: string): void {
    if (this.#out.isTTY) this.#out.write(`${CLEAR_LINE}${this.#round}  ${text}`);
  }
}

export function drawBar(done: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, done)) * WIDTH);
  return "█".repeat(filled) + "░".repeat(WIDTH - filled);
}
