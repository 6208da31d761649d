import type { Reason } from "../reason.ts";
import type { Asker, Source, TrackInfo } from "./contract.ts";

/** Timescale of tracks whose publisher sends no timestamps: milliseconds of arrival. */
const ARRIVAL_TIMESCALE = 1000;

type Answer = (result: TrackInfo | Reason) => void;

/** A peer that waits for the properties, and the epoch that it asks for; absent: any epoch. */
interface Waiting {
  readonly asker: Asker | undefined;
  readonly epoch: bigint | undefined;
}

/** The properties of one track: the known ones, the peers that wait for them, and the request that is under way. */
export class Properties {
  readonly #path: string;
  readonly #name: string;
  readonly #waiting = new Map<Answer, Waiting>();
  #known: TrackInfo | undefined;
  /** The source that gave them. Another source is asked again. */
  #from: Source | undefined;
  #cancel: (() => void) | undefined;

  constructor(path: string, name: string) {
    this.#path = path;
    this.#name = name;
  }

  get known(): TrackInfo | undefined {
    return this.#known;
  }

  get timescale(): number {
    return this.#known?.timescale ?? ARRIVAL_TIMESCALE;
  }

  get maxLatency(): number {
    return this.#known?.maxLatency ?? 0;
  }

  /** A peer waits for them. */
  get awaited(): boolean {
    return this.#waiting.size > 0;
  }

  /** A publisher was asked and has not answered. */
  get requested(): boolean {
    return this.#cancel !== undefined;
  }

  /** The peers that wait. */
  *askers(): Generator<Asker | undefined> {
    for (const { asker } of this.#waiting.values()) yield asker;
  }

  /** The properties that `source` gave. */
  of(source: Source | undefined): TrackInfo | undefined {
    return source !== undefined && this.#from === source ? this.#known : undefined;
  }

  /** Calls `answer` once they are known. Returns a cancel, which returns whether the answer was still awaited. */
  wait(answer: Answer, asker: Asker | undefined, epoch: bigint | undefined): () => boolean {
    this.#waiting.set(answer, { asker, epoch });
    return () => this.#waiting.delete(answer);
  }

  /** Asks `source`, unless a request is under way. */
  request(source: Source, asker: Asker | undefined, answer: Answer): void {
    if (this.#cancel !== undefined) return;
    let answered = false;
    const once: Answer = (result) => {
      answered = true;
      this.#cancel = undefined;
      answer(result);
    };
    const cancel = source.info(this.#path, this.#name, once, asker);
    if (!answered) this.#cancel = cancel;
  }

  /** `source` gave them. `fixed`: viewers know the track's properties, which therefore stay as they are (moq-lite TRACK_INFO). */
  learn(source: Source, info: TrackInfo, fixed: boolean): TrackInfo {
    this.#from = source;
    if (this.#known === undefined || !fixed) this.#known = info;
    return this.#known;
  }

  /** Answers the peers that wait; with `which`, those that it picks. */
  answer(result: TrackInfo | Reason, which: (waiting: Waiting) => boolean = () => true): void {
    for (const [answer, waiting] of [...this.#waiting]) {
      if (!which(waiting)) continue;
      this.#waiting.delete(answer);
      answer(result);
    }
  }

  /** Cancels the request that is under way. */
  cancel(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  forget(): void {
    this.#known = undefined;
    this.#from = undefined;
  }
}
