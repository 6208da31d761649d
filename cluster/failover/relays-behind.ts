import type { Clock } from "../../moq/clock.ts";

/** Milliseconds for which a relay that has another epoch is asked after all others. */
const AVOID_MS = 250;

/**
 * Relays that have just refused a broadcast because they have another epoch of it. They come last for a while, so that the next request
 * does not wait for the same refusal. At most as many as there are candidates.
 */
export class RelaysBehind {
  readonly #clock: Clock;
  readonly #changed: () => void;
  /** By name; each value cancels the end of the wait. */
  readonly #waits = new Map<string, () => void>();

  /** `changed`: a relay has its place back. */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  add(node: string): void {
    this.#waits.get(node)?.();
    const end = () => {
      this.#waits.delete(node);
      this.#changed();
    };
    this.#waits.set(node, this.#clock.timer(AVOID_MS, end));
  }

  /** The same relays in the order in which they are asked. */
  order(nodes: readonly string[]): readonly string[] {
    if (this.#waits.size === 0) return nodes;
    const isBehind = (node: string) => this.#waits.has(node);
    return [...nodes.filter((node) => !isBehind(node)), ...nodes.filter(isBehind)];
  }

  close(): void {
    for (const cancel of this.#waits.values()) cancel();
    this.#waits.clear();
  }
}
