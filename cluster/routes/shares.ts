import type { Clock } from "../../moq/clock.ts";
import type { NodeInfo } from "../contract.ts";
import { fraction } from "./rendezvous.ts";

/** Times during a ramp at which routes are chosen again, and the least milliseconds between two of them. */
const STEPS = 20;
const LEAST_STEP_MS = 250;

export interface SharesDeps {
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** Milliseconds in which a relay that has started, or is no longer busy, gets its whole share; 0: at once. */
  readonly rampMs: number;
  /** The shares changed. */
  readonly changed: () => void;
}

interface Share {
  readonly hop: bigint;
  readonly busy: boolean;
  /** Other relays take broadcasts from it by plan. What is published at an edge is taken from it as well, but seldom elsewhere too. */
  readonly upstream: boolean;
  /** When it began to grow, in milliseconds of the clock; minus infinity for a share that does not grow. */
  readonly from: number;
}

/**
 * Which relays get less than their share of broadcasts: one that is near its bounds gets none while there is another, and the share of one that
 * has just started, or is no longer busy, grows. Every relay comes to the same result, up to the difference of the clocks: which part of the
 * broadcasts a growing share has is decided by hashing.
 */
export class Shares {
  readonly #deps: SharesDeps;
  readonly #byNode = new Map<string, Share>();
  #cancelStep: (() => void) | undefined;

  constructor(deps: SharesDeps) {
    this.#deps = deps;
  }

  /** The relay is new or has changed. */
  node({ node, hop, role, busy = false, startedAt }: NodeInfo): void {
    const { clock, wallNow } = this.#deps;
    const before = this.#byNode.get(node);
    const now = clock.now();
    // The start of a relay that DNS or the configuration names is not known.
    const started = startedAt > 0 ? now - Math.max(0, wallNow() - startedAt) : Number.NEGATIVE_INFINITY;
    const same = before !== undefined && (before.hop === hop || hop === 0n);
    const from = same && before.busy && !busy ? now : same ? before.from : started;
    this.#byNode.set(node, { hop, busy, upstream: role === "regional" || role === "origin", from });
    this.#arm();
  }

  gone(node: string): void {
    this.#byNode.delete(node);
  }

  /** Relays whose share is not whole. */
  get reduced(): number {
    let count = 0;
    for (const node of this.#byNode.keys()) if (this.part(node) < 1) count++;
    return count;
  }

  /** The part of its share that the relay gets now: 0 while it is busy, 1 at the end of its ramp. */
  part(node: string): number {
    const share = this.#byNode.get(node);
    const { rampMs, clock } = this.#deps;
    if (share === undefined) return 1;
    if (share.busy) return 0;
    return rampMs === 0 ? 1 : Math.min(1, (clock.now() - share.from) / rampMs);
  }

  /**
   * Those of `nodes`, which can all be used, that come after the others for a key. `keep` is taken from now: it stays where it is in the order.
   * Relays that started together do not wait for each other.
   */
  heldBack(key: string, nodes: readonly string[], keep?: string): ReadonlySet<string> {
    if (nodes.length < 2 || this.#byNode.size === 0) return NONE;
    const parts = nodes.map((node) => ({ node, part: this.part(node) }));
    const settled = parts.some(({ part }) => part >= 1);
    const behind = ({ node, part }: (typeof parts)[number]) =>
      part < 1 && node !== keep && (this.#byNode.get(node)?.busy === true || (settled && fraction(node, key) >= part));
    const held = parts.filter(behind).map(({ node }) => node);
    return held.length === 0 ? NONE : new Set(held);
  }

  close(): void {
    this.#cancelStep?.();
  }

  /** Chooses routes again from time to time, as long as the share of an upstream grows: that costs a look at each track of this relay. */
  #arm(): void {
    const growing = [...this.#byNode].some(([node, { busy, upstream }]) => upstream && !busy && this.part(node) < 1);
    if (!growing || this.#cancelStep !== undefined) return;
    const { clock, rampMs, changed } = this.#deps;
    this.#cancelStep = clock.timer(Math.max(LEAST_STEP_MS, rampMs / STEPS), () => {
      this.#cancelStep = undefined;
      this.#arm();
      changed();
    });
  }
}

const NONE: ReadonlySet<string> = new Set();
