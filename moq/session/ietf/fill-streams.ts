import type { Location, TrackInfo } from "../../model/index.ts";
import type { Parameters } from "../../wire/ietf/index.ts";
import { serveRange } from "../fetch-responder.ts";
import type { Responder } from "../responder.ts";
import type { IetfContext } from "./context.ts";
import { isAfter, rangeUpTo } from "./fetch-range.ts";
import { FetchStream } from "./fetch-stream.ts";
import type { NamedTrack } from "./named-track.ts";
import { objectFilterOf, updatedFilters } from "./range-filters.ts";
import { DEFAULT_PRIORITY, turnedRound } from "./track-info.ts";

/** A fill that a message asks for. */
export interface Fill {
  /** Of the message. */
  readonly requestId: number;
  readonly parameters: Parameters;
}

/**
 * What a message asks to be filled by FILL_PARAMETERS; what these leave out is as for the subscription, whose parameters are `after` with the message
 * taken into account. Nothing where there is nothing to fill; a filter that is not valid is `invalid`.
 */
export function fillOf(requestId: number, message: Parameters, after: Parameters): Fill | "invalid" | undefined {
  const { fill } = message;
  if (fill === undefined || after.forward === false) return undefined;
  const rangeFilters = updatedFilters(after.rangeFilters, fill.rangeFilters);
  return rangeFilters === undefined ? "invalid" : { requestId, parameters: { ...after, ...fill, rangeFilters } };
}

/** The fill streams of one subscription: what was there before it, as far as it asks for that (Fill Semantics). */
export class FillStreams {
  readonly #context: IetfContext;
  readonly #track: NamedTrack;
  /** No fill runs any more. */
  readonly #idle: () => void;
  /** Those that wait for the answer of their message. */
  #asked: Fill[] = [];
  #info: TrackInfo | undefined;
  /** Cancels of those that run. */
  readonly #running = new Set<() => void>();
  /** Streams that were opened. */
  opened = 0;

  constructor(context: IetfContext, track: NamedTrack, idle: () => void) {
    this.#context = context;
    this.#track = track;
    this.#idle = idle;
  }

  get busy(): boolean {
    return this.#running.size > 0;
  }

  ask(fill: Fill | undefined): void {
    if (fill !== undefined) this.#asked.push(fill);
  }

  /** The messages that asked are answered. `largest`: the newest object, as the answers say. */
  start(largest: Location | undefined, info = this.#info): void {
    this.#info = info;
    const asked = this.#asked;
    this.#asked = [];
    if (info === undefined || largest === undefined) return;
    for (const fill of asked) this.#fill(fill, info, largest);
  }

  cancel(): void {
    this.#asked = [];
    for (const cancel of [...this.#running]) cancel();
  }

  /** Without an object in its range there is no stream. */
  #fill({ requestId, parameters }: Fill, info: TrackInfo, largest: Location): void {
    const range = rangeUpTo(parameters.filter, largest);
    if (isAfter(range.start, range.end)) return;
    const { session } = this.#context;
    const { path, track } = this.#track;
    const { groupOrder = info.ordered ? "ascending" : "descending", fillTimeout } = parameters;
    const of = { fill: true as const, requestId, info, filter: objectFilterOf(parameters.rangeFilters) };
    let cancel = () => {};
    const stream = new FetchStream(this.#context, of, {
      opened: () => {
        this.opened++;
      },
      ended: () => {
        if (this.#running.delete(cancel) && this.#running.size === 0) this.#idle();
      },
    });
    const admitted = session.admission.fill();
    if (typeof admitted === "string") {
      stream.reset(admitted);
      return;
    }
    const priority = turnedRound(parameters.priority ?? DEFAULT_PRIORITY);
    const ask = {
      ...{ path, track, epoch: 0n, priority, ownNumbers: true },
      range: groupOrder === "descending" ? { ...range, descending: true } : range,
      ...(fillTimeout === undefined ? {} : { waitMs: fillTimeout }),
    };
    let responder: Responder | undefined;
    cancel = () => {
      if (responder === undefined) stream.reset("cancelled");
      else responder.gone();
    };
    stream.cancel = cancel;
    this.#running.add(cancel);
    responder = serveRange(session, ask, stream, stream, admitted);
  }
}
