import type { LinkLimits } from "../../moq/link.ts";
import type { RecvHalf } from "./recv-half.ts";
import type { SendHalf } from "./send-half.ts";

/** Lowest bits of stream ids (RFC 9000 section 2.1), so that the ids of both ends never collide. */
const SERVER_BIT = 1;
const UNI_BIT = 2;
const KINDS = 4;

/** Streams of one kind that this end opens. */
export class OwnStreams {
  #limit: number;
  #open = 0;
  #nextId: number;
  /** An open was refused since capacity was last reported. */
  #wanted = false;

  /** `limit`: how many streams the peer allows at a time. */
  constructor(bidi: boolean, dialled: boolean, limit: number) {
    this.#limit = limit;
    this.#nextId = (bidi ? 0 : UNI_BIT) | (dialled ? 0 : SERVER_BIT);
  }

  /** The id of a new stream; undefined at the limit. */
  open(): number | undefined {
    if (this.#open >= this.#limit) {
      this.#wanted = true;
      return undefined;
    }
    this.#open += 1;
    const id = this.#nextId;
    this.#nextId += KINDS;
    return id;
  }

  /** The peer allows more streams. */
  raise(limit: number): void {
    this.#limit = Math.max(this.#limit, limit);
  }

  ended(): void {
    this.#open -= 1;
  }

  /** True once after a refused open, as soon as a stream can be opened. */
  takeWanted(): boolean {
    if (!this.#wanted || this.#open >= this.#limit) return false;
    this.#wanted = false;
    return true;
  }
}

/** A stream of which at least one half has not ended. */
export interface StreamEntry {
  readonly id: number;
  /** Opened by this end. */
  readonly own: boolean;
  readonly bidi: boolean;
  readonly send?: SendHalf;
  readonly recv?: RecvHalf;
}

/** The streams of one end of a link. */
export class Streams {
  readonly own: { readonly uni: OwnStreams; readonly bidi: OwnStreams };
  readonly #entries = new Map<number, StreamEntry>();

  /** `limits`: how many streams the peer allows. */
  constructor(dialled: boolean, limits: LinkLimits) {
    this.own = {
      uni: new OwnStreams(false, dialled, limits.uniStreams),
      bidi: new OwnStreams(true, dialled, limits.bidiStreams),
    };
  }

  ownOf(bidi: boolean): OwnStreams {
    return bidi ? this.own.bidi : this.own.uni;
  }

  get(id: number): StreamEntry | undefined {
    return this.#entries.get(id);
  }

  /** The receive halves of all streams. */
  receiving(): RecvHalf[] {
    return [...this.#entries.values()].flatMap(({ recv }) => recv ?? []);
  }

  set(entry: StreamEntry): void {
    this.#entries.set(entry.id, entry);
  }

  delete(id: number): void {
    this.#entries.delete(id);
  }

  /** Removes and returns a stream if both of its halves have ended. */
  takeEnded(id: number): StreamEntry | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.send?.done === false || entry.recv?.done === false) return undefined;
    this.#entries.delete(id);
    return entry;
  }

  /** True once after a refused open, as soon as a stream can be opened. */
  takeWanted(): boolean {
    const uni = this.own.uni.takeWanted();
    const bidi = this.own.bidi.takeWanted();
    return uni || bidi;
  }

  /** Ends all streams without telling the peer. */
  end(): void {
    for (const { send } of this.#entries.values()) send?.end();
    this.#entries.clear();
  }
}
