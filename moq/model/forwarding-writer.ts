import type { Reason } from "../reason.ts";
import type { ObjectStatus, SubgroupWriter } from "./contract.ts";

/**
 * Passes each call for one group on to another writer. A subclass overrides the calls that it changes; `ended`, where it is given,
 * is called in place of the target's `finish` (without a reason) and `reset`.
 */
export class ForwardingWriter implements SubgroupWriter {
  /** While it is absent, calls are dropped. */
  protected target: SubgroupWriter | undefined;
  readonly #ended: ((reason: Reason | undefined) => void) | undefined;

  constructor(target: SubgroupWriter | undefined, ended?: (reason: Reason | undefined) => void) {
    this.target = target;
    this.#ended = ended;
  }

  object(size: number, timestamp: number | undefined, id?: number, properties?: Uint8Array): void {
    this.target?.object(size, timestamp, id, properties);
  }

  payload(bytes: Uint8Array): void {
    this.target?.payload(bytes);
  }

  end(): void {
    this.target?.end();
  }

  status(status: ObjectStatus, id: number, properties?: Uint8Array): void {
    this.target?.status(status, id, properties);
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
