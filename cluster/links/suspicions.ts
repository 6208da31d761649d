import type { Clock } from "../../moq/clock.ts";
import { BackOff } from "../back-off.ts";

/** First and longest time in milliseconds that a relay which answers again is used only where there is no other. */
const FIRST_BACK_OFF_MS = 2_000;
const LONGEST_BACK_OFF_MS = 60_000;

/** Milliseconds without a suspicion after which earlier ones do not count any more. */
const REMEMBER_MS = 300_000;

export interface SuspicionsDeps {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** A relay is in doubt, or no more. */
  readonly changed: (node: string) => void;
}

interface Suspicion {
  readonly backOff: BackOff;
  inDoubt: boolean;
  /** It has answered since it was suspected last. */
  answers: boolean;
  /** Ends the doubt, or forgets the suspicion, later. */
  cancel: () => void;
}

/**
 * Relays that have fallen silent. One that answers again stays in doubt for a while, the longer the more often it was suspected, so that no track
 * moves to and fro. It counts for this relay alone. At most as many as the relays that are known.
 */
export class Suspicions {
  readonly #deps: SuspicionsDeps;
  readonly #byNode = new Map<string, Suspicion>();

  constructor(deps: SuspicionsDeps) {
    this.#deps = deps;
  }

  has(node: string): boolean {
    return this.#byNode.get(node)?.inDoubt === true;
  }

  /** Whether a relay that is in doubt has answered since. */
  answers(node: string): boolean {
    return this.#byNode.get(node)?.answers === true;
  }

  /** Names of the relays that are in doubt. */
  get nodes(): string[] {
    return [...this.#byNode].filter(([, { inDoubt }]) => inDoubt).map(([node]) => node);
  }

  add(node: string): void {
    const known = this.#byNode.get(node);
    known?.cancel();
    const backOff =
      known?.backOff ??
      new BackOff({ firstMs: FIRST_BACK_OFF_MS, longestMs: LONGEST_BACK_OFF_MS, random: this.#deps.random });
    const silent = known?.inDoubt === true && !known.answers;
    this.#byNode.set(node, { backOff, inDoubt: true, answers: false, cancel: () => {} });
    if (!silent) this.#deps.changed(node);
  }

  /** The relay answers: the back-off begins. */
  answered(node: string): void {
    const known = this.#byNode.get(node);
    if (known?.inDoubt !== true || known.answers) return;
    known.answers = true;
    this.#startBackOff(node, known);
    this.#deps.changed(node);
  }

  /** Its link is over without an answer: the back-off begins, too. */
  unwatched(node: string): void {
    const known = this.#byNode.get(node);
    if (known?.inDoubt === true && !known.answers) this.#startBackOff(node, known);
  }

  /** The relay is in doubt no more: its link has ended, so that the state of the link counts, or the back-off is over. */
  resolve(node: string): void {
    const known = this.#byNode.get(node);
    if (known === undefined) return;
    const { inDoubt } = known;
    known.inDoubt = false;
    known.cancel();
    known.cancel = this.#deps.clock.timer(REMEMBER_MS, () => this.#byNode.delete(node));
    if (inDoubt) this.#deps.changed(node);
  }

  /** The relay has restarted: earlier suspicions do not count. */
  forget(node: string): void {
    const known = this.#byNode.get(node);
    known?.cancel();
    this.#byNode.delete(node);
    if (known?.inDoubt === true) this.#deps.changed(node);
  }

  close(): void {
    for (const { cancel } of this.#byNode.values()) cancel();
    this.#byNode.clear();
  }

  #startBackOff(node: string, suspicion: Suspicion): void {
    suspicion.cancel();
    suspicion.cancel = this.#deps.clock.timer(suspicion.backOff.next(), () => this.resolve(node));
  }
}
