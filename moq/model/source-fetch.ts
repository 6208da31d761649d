import type { Reason } from "../reason.ts";
import type { Asker, FetchedObject, FetchGap, FetchRange, FetchWriter, Location, Source } from "./contract.ts";

/** What sources are asked for. */
export interface SourceAsk {
  readonly path: string;
  readonly track: string;
  readonly source: Source;
  /** In the numbers of the source. */
  readonly range: FetchRange;
  readonly priority: number;
  readonly asker: Asker | undefined;
  /** Another source of the same content; nothing where there is none. */
  readonly other: () => Source | undefined;
}

/**
 * Fetches a range at a source. One that answers `no_capacity` before it has sent anything is left for one other source (moq-lite Resolution);
 * after that the range is `unroutable`. Returns a cancel.
 */
export function fetchAtSource(ask: SourceAsk, writer: FetchWriter): () => void {
  const fetch = new SourceFetch(ask, writer);
  fetch.ask(ask.source);
  return () => fetch.cancel();
}

class SourceFetch implements FetchWriter {
  readonly #ask: SourceAsk;
  readonly #writer: FetchWriter;
  /** Its answer has begun, or it is the second one: it is not left for another. */
  #settled = false;
  #asked = 0;
  #cancel: () => void = () => {};

  constructor(ask: SourceAsk, writer: FetchWriter) {
    this.#ask = ask;
    this.#writer = writer;
  }

  ask(source: Source): void {
    const { path, track, range, priority, asker } = this.#ask;
    const asked = ++this.#asked;
    const cancel = source.fetch(path, track, range, priority, this, asker);
    // It may have refused already, and another one is asked by now.
    if (asked === this.#asked) this.#cancel = cancel;
  }

  cancel(): void {
    this.#settled = true;
    this.#cancel();
  }

  object(object: FetchedObject): void {
    this.#settled = true;
    this.#writer.object(object);
  }

  payload(bytes: Uint8Array): void {
    this.#writer.payload(bytes);
  }

  end(): void {
    this.#writer.end();
  }

  gap(kind: FetchGap, end: Location): void {
    this.#settled = true;
    this.#writer.gap(kind, end);
  }

  finish(): void {
    this.#writer.finish();
  }

  reset(reason: Reason): void {
    const other = reason === "no_capacity" && !this.#settled ? this.#ask.other() : undefined;
    this.#settled = true;
    if (other !== undefined) this.ask(other);
    else this.#writer.reset(reason === "no_capacity" ? "unroutable" : reason);
  }

  onStop(callback: (reason: Reason) => void): void {
    this.#writer.onStop(callback);
  }
}
