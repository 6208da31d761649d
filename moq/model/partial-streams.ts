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

/** A stream that waits for the object with which it begins. */
export interface StreamStart {
  begin(): void;
  /** It is not wanted any more. */
  isOver(): boolean;
}

interface Start {
  /** The stream begins with the first object of this id or a higher one. */
  readonly id: number;
  readonly merged: boolean;
  readonly start: StreamStart;
}

interface Limit {
  readonly stream: OutStream;
  /** The stream gets no object with a higher id. */
  readonly last: number;
  readonly merged: boolean;
}

/** Entries up to which those that are over stay: they leave with the next object. */
const UNSWEPT = 16;

/**
 * Entries of which some are over. Those leave when there are twice as many entries as after the last sweep, so that viewers that come and go leave
 * nothing behind at a run that gets no object for long.
 */
class Entries<T> {
  all: T[] = [];
  readonly #isOver: (one: T) => boolean;
  #sweepAt = UNSWEPT;

  constructor(isOver: (one: T) => boolean) {
    this.#isOver = isOver;
  }

  add(one: T): void {
    if (this.all.length >= this.#sweepAt) {
      this.sweep();
      this.#sweepAt = Math.max(UNSWEPT, 2 * this.all.length);
    }
    this.all.push(one);
  }

  sweep(): void {
    this.all = this.all.filter((one) => !this.#isOver(one));
  }

  /** Removes those that `isTaken` names, and returns them. */
  take(isTaken: (one: T) => boolean): T[] {
    const taken = this.all.filter(isTaken);
    this.all = this.all.filter((one) => !isTaken(one));
    return taken;
  }
}

/** The streams that carry a part of a run: they begin or end inside of it, or leave objects out. */
export class PartialStreams {
  readonly #starts = new Entries<Start>(({ start }) => start.isOver());
  readonly #limits = new Entries<Limit>(({ stream }) => stream.ended);
  readonly #readers = new Entries<ObjectReader>((reader) => reader.over);

  /** Nothing is left to do. */
  get empty(): boolean {
    return this.#starts.all.length + this.#limits.all.length + this.#readers.all.length === 0;
  }

  /** Begins once bytes of an object with the id `id` or a higher one are there. `merged`: it takes subgroups merged. */
  startAt(id: number, merged: boolean, start: StreamStart): void {
    this.#starts.add({ id, merged, start });
  }

  /** `stream` is finished when an object above `last` begins. */
  endAfter(last: number, merged: boolean, stream: OutStream): void {
    this.#limits.add({ last, merged, stream });
  }

  follow(reader: ObjectReader): void {
    this.#readers.add(reader);
  }

  /** An object begins, of which no byte has been written. */
  begins(id: number, status?: ObjectStatus): void {
    if (this.#readers.all.length > 0) {
      this.#readers.sweep();
      for (const reader of this.#readers.all) reader.begins(id, status);
    }
    if (this.#limits.all.length === 0) return;
    for (const { last, stream } of this.#limits.all) if (last < id && !stream.ended) stream.finish();
    this.#limits.sweep();
  }

  /** Bytes of the object `id` are there, or it is whole. */
  arrived(id: number): void {
    if (this.#starts.all.length === 0) return;
    for (const { start } of this.#starts.take((one) => one.id <= id)) if (!start.isOver()) start.begin();
  }

  /** The log has further bytes of the object that arrives. */
  appended(): void {
    for (const reader of this.#readers.all) reader.appended();
  }

  /** The object is whole. */
  ended(): void {
    for (const reader of this.#readers.all) reader.ended();
  }

  /** The subgroup has ended. Returns the bytes of payload that its readers were sent. */
  closed(reason: Reason | undefined): number {
    const readers = this.#readers.take(() => true);
    for (const reader of readers) reader.closed(reason);
    return readers.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0);
  }

  /** Gives those that take subgroups merged to `to`. */
  moveMerged(to: PartialStreams): void {
    for (const one of this.#starts.take(({ merged }) => merged)) to.#starts.add(one);
    for (const one of this.#limits.take(({ merged }) => merged)) to.#limits.add(one);
  }
}
