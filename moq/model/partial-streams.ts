import type { Reason } from "../reason.ts";
import type { ObjectStatus, OutStream } from "./contract.ts";

/** Reads a subgroup object by object, because it does not want all of them. */
export interface ObjectReader {
  /** It reads no more. */
  readonly over: boolean;
  /** Bytes of payload that it has passed on. */
  readonly payloadBytes: number;
  /** An object begins, of which no byte has come. With a status it is whole. */
  begins(id: number, status: ObjectStatus | undefined): void;
  /** The log has further bytes of it. */
  appended(): void;
  /** It is whole. */
  ended(): void;
  /** No further object comes. `reason`: the subgroup was reset. */
  closed(reason: Reason | undefined): void;
}

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

/** The streams that carry a part of a run: they begin or end inside of it, or leave objects out. */
export class PartialStreams {
  #starts: Start[] = [];
  #limits: Limit[] = [];
  #readers: ObjectReader[] = [];

  /** Nothing is left to do. */
  get empty(): boolean {
    return this.#starts.length + this.#limits.length + this.#readers.length === 0;
  }

  /** Calls `begin` once bytes of an object with the id `id` or a higher one are there. `merged`: it takes subgroups merged. */
  startAt(id: number, merged: boolean, begin: () => void): void {
    this.#starts.push({ id, merged, begin });
  }

  /** `stream` is finished when an object above `last` begins. */
  endAfter(last: number, merged: boolean, stream: OutStream): void {
    this.#limits.push({ last, merged, stream });
  }

  follow(reader: ObjectReader): void {
    this.#readers.push(reader);
  }

  /** An object begins, of which no byte has been written. */
  begins(id: number, status?: ObjectStatus): void {
    if (this.#readers.length > 0) {
      this.#readers = this.#readers.filter((reader) => !reader.over);
      for (const reader of this.#readers) reader.begins(id, status);
    }
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

  /** The log has further bytes of the object that arrives. */
  appended(): void {
    for (const reader of this.#readers) reader.appended();
  }

  /** The object is whole. */
  ended(): void {
    for (const reader of this.#readers) reader.ended();
  }

  /** The subgroup has ended. Returns the bytes of payload that its readers were sent. */
  closed(reason: Reason | undefined): number {
    const readers = this.#readers;
    this.#readers = [];
    for (const reader of readers) reader.closed(reason);
    return readers.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0);
  }

  /** Gives those that take subgroups merged to `to`. */
  moveMerged(to: PartialStreams): void {
    to.#starts = to.#starts.concat(this.#starts.filter(({ merged }) => merged));
    to.#limits = to.#limits.concat(this.#limits.filter(({ merged }) => merged));
    this.#starts = this.#starts.filter(({ merged }) => !merged);
    this.#limits = this.#limits.filter(({ merged }) => !merged);
  }
}
