import type { Clock } from "../../moq/clock.ts";
import type { Logger } from "../log/index.ts";

/** Milliseconds between two checks of readiness. */
const CHECK_MS = 250;

export interface ReadinessDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Reasons why the relay is not ready; empty when it is. */
  readonly reasons: () => readonly string[];
  /** The relay became ready (no reasons), or not ready. Resolves when others know it; never rejects. Default: others need not. */
  readonly changed?: (reasons: readonly string[]) => Promise<void>;
  /** Further fields of the first line. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/**
 * Logs when the relay becomes ready: `relay ready` at once if nothing is missing, otherwise first `listening` with the reasons. Later changes
 * are logged as well.
 */
export class Readiness {
  readonly #deps: ReadinessDeps;
  #said: string;
  #everReady: boolean;
  #changed: Promise<void>;
  #cancel = () => {};

  constructor(deps: ReadinessDeps) {
    const { log, reasons, facts } = deps;
    this.#deps = deps;
    const first = reasons();
    this.#changed = this.#tell(first);
    this.#said = first.join();
    this.#everReady = first.length === 0;
    if (this.#everReady) log.info(facts, "relay ready");
    else log.info({ ...facts, reasons: first }, "listening");
    this.#schedule();
  }

  /** Checks at once. Resolves when others know the outcome. */
  async announce(): Promise<void> {
    this.#look();
    await this.#changed;
  }

  /** The relay is not ready any more. Resolves when others know it. */
  async close(): Promise<void> {
    this.#cancel();
    if (this.#said === "") this.#changed = this.#tell(["closed"]);
    await this.#changed;
  }

  async #tell(reasons: readonly string[]): Promise<void> {
    await this.#deps.changed?.(reasons);
  }

  #schedule(): void {
    this.#cancel = this.#deps.clock.timer(CHECK_MS, () => {
      this.#look();
      this.#schedule();
    });
  }

  #look(): void {
    const { log, reasons, facts } = this.#deps;
    const now = reasons();
    if (now.join() === this.#said) return;
    if ((now.length === 0) !== (this.#said === "")) this.#changed = this.#tell(now);
    this.#said = now.join();
    if (now.length > 0) {
      const level = now.every((reason) => reason === "draining") ? "info" : "warn";
      log[level]({ reasons: now }, "relay not ready: /health/ready answers 503; open sessions continue");
    } else log.info(this.#everReady ? {} : facts, this.#everReady ? "relay ready again" : "relay ready");
    this.#everReady ||= now.length === 0;
  }
}
