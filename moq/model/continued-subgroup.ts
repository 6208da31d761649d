import type { ObjectStatus, SubgroupWriter } from "./contract.ts";
import { ForwardingWriter } from "./forwarding-writer.ts";

/** For each subgroup of a group that was cut, the id of its last whole object; infinite where it was finished. */
export type Reached = ReadonlyMap<number, number>;

/** A subgroup that goes on on another stream, after the first one was reset: leaves out the objects that came before. */
export class ContinuedSubgroup extends ForwardingWriter {
  readonly #after: number;
  /** Of the last object that has begun. */
  #id = -1;

  /** `after`: the id of the last whole object that came before. */
  constructor(target: SubgroupWriter, after: number) {
    super(target);
    this.#after = after;
  }

  override object(size: number, timestamp: number | undefined, id = this.#id + 1, properties?: Uint8Array): void {
    this.#id = id;
    if (id > this.#after) super.object(size, timestamp, id, properties);
  }

  override payload(bytes: Uint8Array): void {
    if (this.#id > this.#after) super.payload(bytes);
  }

  override end(): void {
    if (this.#id > this.#after) super.end();
  }

  override status(status: ObjectStatus, id: number, properties?: Uint8Array): void {
    this.#id = id;
    if (id > this.#after) super.status(status, id, properties);
  }
}
