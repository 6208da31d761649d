import type { OutStream } from "./contract.ts";

interface Start {
  /** The stream begins with the first object of this id or a higher one. */
  readonly id: number;
  readonly merged: boolean;
  readonly begin: () => void;
}

interface Limit {
  readonly stream: OutStream;
  /** The stream gets no object with a higher id. */
  readonly last: number;
  readonly merged: boolean;
}

/** The streams that begin or end inside what they carry, because a viewer asked for objects of a group and not for the whole. */
export class PartialStreams {
  #starts: Start[] = [];
  #limits: Limit[] = [];

  /** Nothing is left to do. */
  get empty(): boolean {
    return this.#starts.length + this.#limits.length === 0;
  }

  /** Calls `begin` once bytes of an object with the id `id` or a higher one are there. `merged`: it takes subgroups merged. */
  startAt(id: number, merged: boolean, begin: () => void): void {
    this.#starts.push({ id, merged, begin });
  }

  /** `stream` is finished when an object above `last` begins. */
  endAfter(last: number, merged: boolean, stream: OutStream): void {
    this.#limits.push({ last, merged, stream });
  }

  /** An object begins, of which no byte has been written. */
  begins(id: number): void {
    if (this.#limits.length === 0) return;
    this.#limits = this.#limits.filter(({ last, stream }) => {
      if (last < id && !stream.ended) stream.finish();
      return !stream.ended;
    });
  }

  /** Bytes of the object `id` are there, or it is whole. */
  arrived(id: number): void {
    if (this.#starts.length === 0) return;
    const due = this.#starts.filter((one) => one.id <= id);
    this.#starts = this.#starts.filter((one) => one.id > id);
    for (const { begin } of due) begin();
  }

  /** Gives those that take subgroups merged to `to`. */
  moveMerged(to: PartialStreams): void {
    to.#starts = to.#starts.concat(this.#starts.filter(({ merged }) => merged));
    to.#limits = to.#limits.concat(this.#limits.filter(({ merged }) => merged));
    this.#starts = this.#starts.filter(({ merged }) => !merged);
    this.#limits = this.#limits.filter(({ merged }) => !merged);
  }
}
