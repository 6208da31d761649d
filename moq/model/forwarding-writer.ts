import type { Reason } from "../reason.ts";
import type { GroupWriter } from "./contract.ts";

/**
 * Passes each call for one group on to another writer. A subclass overrides the calls that it changes; `ended`, where it is given,
 * is called in place of the target's `finish` (without a reason) and `reset`.
 */
export class ForwardingWriter implements GroupWriter {
  /** While it is absent, calls are dropped. */
  protected target: GroupWriter | undefined;
  readonly #ended: ((reason: Reason | undefined) => void) | undefined;

  constructor(target: GroupWriter | undefined, ended?: (reason: Reason | undefined) => void) {
    this.target = target;
    this.#ended = ended;
  }

  frame(size: number, timestamp: number | undefined): void {
    this.target?.frame(size, timestamp);
  }

  payload(bytes: Uint8Array): void {
    this.target?.payload(bytes);
  }

  end(): void {
    this.target?.end();
  }

  finish(): void {
    if (this.#ended === undefined) this.target?.finish();
    else this.#ended(undefined);
  }

  reset(reason: Reason): void {
    if (this.#ended === undefined) this.target?.reset(reason);
    else this.#ended(reason);
  }

  onStop(callback: (reason: Reason) => void): void {
    this.target?.onStop(callback);
  }
}
