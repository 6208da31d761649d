import type { BidiStream } from "../../link.ts";
import { type FetchRange, LAST_OBJECT, type Location, type TrackInfo } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import type { Fetch, LocationFilter, Message } from "../../wire/ietf/index.ts";
import { serveRange } from "../fetch-responder.ts";
import type { Responder } from "../responder.ts";
import type { IetfContext } from "./context.ts";
import { fetchAnswers } from "./fetch-answers.ts";
import { isAfter, rangeUpTo } from "./fetch-range.ts";
import type { FetchStream } from "./fetch-stream.ts";
import type { NamedTrack } from "./named-track.ts";
import { isRefusal, namedTrack } from "./names.ts";
import { objectFilterOf } from "./range-filters.ts";
import { type Refusal, refusalOf, refuseRequest } from "./refusal.ts";
import type { RequestResponder } from "./request-responder.ts";
import type { Joinable } from "./served-subscriptions.ts";
import { send } from "./stream-context.ts";
import { MAX_EARLY_UPDATES } from "./subscribe-answers.ts";
import { DEFAULT_PRIORITY, turnedRound } from "./track-info.ts";

/** FETCH: sends objects that are there already on a stream of their own. */
export function serveFetch(
  context: IetfContext,
  request: Fetch,
  stream: BidiStream,
  over: () => void,
): RequestResponder | Refusal {
  const { session, served } = context;
  const joined = "subscription" in request.of ? served.get(request.of.subscription) : undefined;
  if ("subscription" in request.of && joined === undefined) {
    return { reason: "not_found", error: "invalid_joining_request_id", text: "there is no such subscription to join" };
  }
  const named = "subscription" in request.of ? joined : namedTrack(request.of, context);
  if (named === undefined) return refusalOf("not_found");
  if (isRefusal(named)) return named;
  const admitted = session.admission.fetch(named.path, named.track, context.access);
  if (typeof admitted === "string") return refusalOf(admitted);
  const fetch = new ServedFetch(context, request, { path: named.path, track: named.track, stream }, () => {
    admitted();
    over();
  });
  if (joined === undefined) fetch.start(undefined);
  else fetch.join(joined);
  return fetch;
}

interface Asked extends NamedTrack {
  readonly stream: BidiStream;
}

/** One fetch of the peer. */
class ServedFetch implements RequestResponder {
  readonly #context: IetfContext;
  readonly #request: Fetch;
  readonly #asked: Asked;
  readonly #left: () => void;
  #cancelInfo: () => void = () => {};
  #responder: Responder | undefined;
  #answers: FetchStream | undefined;
  /** Updates that came before the answer; undefined after it. */
  #earlyUpdates: number | undefined = 0;
  #over = false;

  constructor(context: IetfContext, request: Fetch, asked: Asked, left: () => void) {
    this.#context = context;
    this.#request = request;
    this.#asked = asked;
    this.#left = left;
  }

  /** Begins once the subscription is answered whose track is fetched. */
  join(joined: Joinable): void {
    this.#cancelInfo = joined.whenAnswered(() => this.start(joined.forwards() ? joined.joining() : undefined));
  }

  /** `joining`: the largest location of the subscription that the fetch joins; nothing where it joins none, or where there is nothing to join. */
  start(joining: Location | undefined): void {
    if (this.#over) return;
    const { session } = this.#context;
    const { path, track } = this.#asked;
    const range = this.#range(joining);
    if (range === undefined || isAfter(range.start, range.end)) {
      this.#refuse(INVALID_RANGE);
      return;
    }
    this.#cancelInfo = session.deps.broadcasts.info(path, track, (info) => this.#begin(range, info), session.asker);
  }

  /** The request is complete, and its answer is still wanted. */
  fin(): void {}

  gone(): void {
    if (this.#over) return;
    this.#cancelInfo();
    if (this.#responder === undefined) this.#end();
    else this.#responder.gone();
    this.#asked.stream.finish();
  }

  message(message: Message): void {
    if (message.kind !== "requestUpdate") return;
    if (this.#earlyUpdates === undefined) this.#answerUpdate();
    else if (++this.#earlyUpdates > MAX_EARLY_UPDATES) this.#giveUp();
  }

  #answerUpdate(): void {
    send(this.#asked.stream, { kind: "requestOk", parameters: {}, properties: NONE }, this.#context);
  }

  #accepted(): void {
    const updates = this.#earlyUpdates ?? 0;
    this.#earlyUpdates = undefined;
    for (let left = updates; left > 0; left--) this.#answerUpdate();
  }

  /** Too many updates wait for the answer. */
  #giveUp(): void {
    this.#cancelInfo();
    const reason = this.#context.session.admission.full("unanswered_per_viewer");
    if (this.#answers === undefined) this.#refuse(refusalOf(reason));
    else {
      this.#answers.reset(reason);
      this.#answers.cancel();
    }
  }

  #begin(range: FetchRange, info: TrackInfo | Reason): void {
    if (this.#over) return;
    if (typeof info === "string") {
      this.#refuse(refusalOf(info));
      return;
    }
    const { session } = this.#context;
    const { path, track, stream } = this.#asked;
    const { requestId, parameters } = this.#request;
    const largest = session.deps.broadcasts.largest(path, track);
    const located = this.#upTo(range, largest);
    if (isAfter(located.start, located.end)) {
      this.#refuse(INVALID_RANGE);
      return;
    }
    const answers = fetchAnswers(this.#context, {
      requestId,
      stream,
      info,
      filter: objectFilterOf(parameters.rangeFilters),
      accepted: () => this.#accepted(),
      endOfTrack: largest?.last === true && !isAfter(largest, range.end),
      end: endOf(located),
    });
    this.#answers = answers;
    const priority = turnedRound(parameters.priority ?? DEFAULT_PRIORITY);
    const { fillTimeout } = parameters;
    const wait = fillTimeout === undefined ? {} : { waitMs: fillTimeout };
    const ask = { path, track, epoch: 0n, priority, ownNumbers: true, range: located, ...wait };
    const responder = serveRange(session, ask, answers, answers, () => this.#end());
    this.#responder = responder;
    answers.cancel = () => responder.gone();
  }

  /** Nothing where it has no objects. */
  #range(joining: Location | undefined): FetchRange | undefined {
    const { of, parameters } = this.#request;
    const order = parameters.groupOrder === "descending" ? { descending: true } : {};
    if (!("subscription" in of)) return { ...rangeOf(parameters.filter), ...order };
    if (joining === undefined) return undefined;
    const group = of.relative ? Math.max(0, joining.group - of.start) : of.start;
    return group > joining.group ? undefined : { start: { group, object: 0 }, end: joining, ...order };
  }

  /** The fetch ends at the largest object, where its range goes beyond it. */
  #upTo(range: FetchRange, largest: Location | undefined): FetchRange {
    const { of, parameters } = this.#request;
    if (largest === undefined) return range;
    if (!("subscription" in of)) return { ...range, ...rangeUpTo(parameters.filter, largest) };
    return isAfter(range.end, largest) ? { ...range, end: largest } : range;
  }

  #refuse(refusal: Refusal): void {
    refuseRequest(this.#asked.stream, refusal, this.#context, "fetch");
    this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#left();
  }
}

/** Without an end, up to the largest object. */
function rangeOf(filter: LocationFilter | undefined): FetchRange {
  if (filter?.kind !== "absolute") return { start: { group: 0, object: 0 }, end: LAST_LOCATION };
  const { start, end } = filter;
  return { start, end: end === undefined ? LAST_LOCATION : { group: end.group, object: end.object ?? LAST_OBJECT } };
}

function endOf({ end }: FetchRange): { group: number; object?: number } {
  return end.object === LAST_OBJECT ? { group: end.group } : end;
}

const LAST_LOCATION: Location = { group: Number.MAX_SAFE_INTEGER, object: LAST_OBJECT };

const INVALID_RANGE: Refusal = {
  reason: "not_found",
  error: "invalid_range",
  text: "the track has no objects in this range",
};

const NONE = new Uint8Array(0);
