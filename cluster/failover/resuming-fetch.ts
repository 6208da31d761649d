import type { FetchedObject, FetchGap, FetchRange, FetchWriter, Location } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";

/** An object that was begun and not ended: its size, and the bytes of it that were passed on. */
interface Begun extends Location {
  readonly size: number;
  bytes: number;
}

/**
 * A fetch on its way to the one that asked. One relay answers it; when that relay fails inside it, another relay with the same content answers
 * the same range from its start, and the objects and bytes that were passed on before are skipped.
 */
export class ResumingFetch {
  readonly writer: FetchWriter;
  readonly #descending: boolean;
  /** The last place that is settled: of a whole object, or of the end of a gap. */
  #last: Location | undefined;
  #begun: Begun | undefined;
  #current: Answer | undefined;
  #stop: (reason: Reason) => void = () => {};
  #stopped: Reason | undefined;

  constructor(writer: FetchWriter, range: FetchRange) {
    this.writer = writer;
    this.#descending = range.descending === true;
    writer.onStop((reason) => {
      this.#stopped = reason;
      this.#stop(reason);
    });
  }

  /** A relay begins to answer. `ended` is called once, unless another relay begins before. */
  feed(ended: (reason: Reason | undefined) => void): FetchWriter {
    const answer = new Answer(this, ended);
    this.#current = answer;
    this.#stop = () => {};
    return answer;
  }

  /** `answer` is that of the relay that was asked last. */
  isCurrent(answer: Answer): boolean {
    return this.#current === answer;
  }

  onStop(callback: (reason: Reason) => void): void {
    this.#stop = callback;
    if (this.#stopped !== undefined) callback(this.#stopped);
  }

  /** Bytes of the object that were passed on before; all of it where it is settled; nothing where it is another object than before. */
  begin(object: FetchedObject): number | undefined {
    if (this.#isSettled(object)) return Number.POSITIVE_INFINITY;
    const begun = this.#begun;
    if (begun === undefined) {
      if (object.status === undefined)
        this.#begun = { group: object.group, object: object.object, size: object.size, bytes: 0 };
      else this.#last = placeOf(object);
      this.writer.object(object);
      return 0;
    }
    const same = begun.group === object.group && begun.object === object.object && begun.size === object.size;
    return same && object.status === undefined ? begun.bytes : undefined;
  }

  payload(bytes: Uint8Array): void {
    if (this.#begun !== undefined) this.#begun.bytes += bytes.length;
    this.writer.payload(bytes);
  }

  end(): void {
    if (this.#begun === undefined) return;
    this.#last = placeOf(this.#begun);
    this.#begun = undefined;
    this.writer.end();
  }

  gap(kind: FetchGap, end: Location): void {
    if (this.#isSettled(end) || this.#begun !== undefined) return;
    this.#last = placeOf(end);
    this.writer.gap(kind, end);
  }

  #isSettled({ group, object }: Location): boolean {
    const last = this.#last;
    if (last === undefined) return false;
    if (group !== last.group) return group < last.group !== this.#descending;
    return object <= last.object;
  }
}

/** What one relay answers, without what was passed on before. */
class Answer implements FetchWriter {
  readonly #fetch: ResumingFetch;
  #ended: ((reason: Reason | undefined) => void) | undefined;
  /** Bytes of the current object that were passed on before. */
  #skip = 0;

  constructor(fetch: ResumingFetch, ended: (reason: Reason | undefined) => void) {
    this.#fetch = fetch;
    this.#ended = ended;
  }

  get #live(): boolean {
    return this.#ended !== undefined && this.#fetch.isCurrent(this);
  }

  object(object: FetchedObject): void {
    if (!this.#live) return;
    const skip = this.#fetch.begin(object);
    if (skip !== undefined) {
      this.#skip = skip;
      return;
    }
    // The object that goes on is another one at this relay, so its content is not the same. The next relay is asked.
    this.#end("upstream");
  }

  payload(bytes: Uint8Array): void {
    if (!this.#live) return;
    const skipped = Math.min(this.#skip, bytes.length);
    this.#skip -= skipped;
    if (skipped < bytes.length) this.#fetch.payload(skipped === 0 ? bytes : bytes.subarray(skipped));
  }

  end(): void {
    if (this.#live && Number.isFinite(this.#skip)) this.#fetch.end();
    this.#skip = 0;
  }

  gap(kind: FetchGap, end: Location): void {
    if (this.#live) this.#fetch.gap(kind, end);
  }

  finish(): void {
    this.#end(undefined);
  }

  reset(reason: Reason): void {
    this.#end(reason);
  }

  onStop(callback: (reason: Reason) => void): void {
    this.#fetch.onStop(callback);
  }

  #end(reason: Reason | undefined): void {
    if (!this.#live) return;
    const ended = this.#ended;
    this.#ended = undefined;
    ended?.(reason);
  }
}

function placeOf({ group, object }: Location): Location {
  return { group, object };
}
