import type { BidiStream } from "../../link.ts";
import type { SubscribeOptions, TrackInfo } from "../../model/index.ts";
import type { Message, Parameters, Subscribe } from "../../wire/ietf/index.ts";
import { SubscribeResponder } from "../subscribe-responder.ts";
import type { IetfContext } from "./context.ts";
import { expiryOf } from "./expiry.ts";
import { fillOf } from "./fill-streams.ts";
import { isRefusal, namedTrack } from "./names.ts";
import { meantBy } from "./peer-programs.ts";
import { INVALID_FILTER } from "./range-filters.ts";
import { type Refusal, refusalOf, refuseRequest } from "./refusal.ts";
import { awaitPublisher } from "./rendezvous.ts";
import type { RequestResponder } from "./request-responder.ts";
import { send } from "./stream-context.ts";
import { SubscribeAnswers } from "./subscribe-answers.ts";
import { groupWish, optionsOf, sameTimeouts } from "./subscribe-options.ts";
import { propertiesOf } from "./track-info.ts";
import { updatedParameters } from "./updated-parameters.ts";

/** SUBSCRIBE: serves one subscription of the peer. */
export function serveSubscribe(
  context: IetfContext,
  request: Subscribe,
  stream: BidiStream,
  over: () => void,
): RequestResponder | Refusal {
  const { session, served, caps } = context;
  const named = namedTrack(request, context);
  if (isRefusal(named)) return named;
  if (!caps.severalSubscriptions && served.has(named)) return refusalOf("duplicate");
  const { requestId, parameters } = request;
  if (fillOf(requestId, parameters, parameters) === "invalid") return INVALID_FILTER;
  const admitted = session.admission.subscribe(named.path, named.track, context.access);
  if (typeof admitted === "string") return refusalOf(admitted);
  const subscription = new ServedSubscription(context, { request, stream, ...named }, () => {
    admitted();
    over();
  });
  subscription.start();
  return subscription;
}

interface Asked {
  readonly request: Subscribe;
  readonly stream: BidiStream;
  readonly path: string;
  readonly track: string;
}

/** One subscription of the peer, from its SUBSCRIBE to its end. */
class ServedSubscription implements RequestResponder {
  readonly #context: IetfContext;
  readonly #path: string;
  readonly #answers: SubscribeAnswers;
  readonly #viewer: SubscribeResponder;
  /** What holds now: those of the request, changed by each update. */
  #parameters: Parameters;
  #info: TrackInfo | undefined;
  #stopWaiting: () => void = () => {};
  /** Why the request is refused, where an update of it is. */
  #refusal: Refusal | undefined;
  #over = false;

  constructor(context: IetfContext, { request, stream, path, track }: Asked, over: () => void) {
    const { session, served } = context;
    this.#context = context;
    this.#path = path;
    this.#parameters = meantBy(context.setup(), request.parameters);
    const alias = request.requestId;
    this.#answers = new SubscribeAnswers(
      context,
      { path, track },
      {
        establish: (info, largest) => {
          const parameters = { ...(largest === undefined ? {} : { largest }), ...expiryOf(context) };
          send(stream, { kind: "subscribeOk", alias, parameters, properties: propertiesOf(info) }, context);
          this.#accepted(info);
          return { stream, alias };
        },
        refuse: (reason) => {
          // The subscriber was willing to wait, and has waited.
          const late = reason === "not_found" && (request.parameters.rendezvousTimeout ?? 0) > 0;
          refuseRequest(stream, this.#refusal ?? refusalOf(late ? "timeout" : reason), context, "subscribe");
        },
        largest: () => session.deps.broadcasts.largest(path, track),
        done: over,
      },
    );
    const forget = served.add(request.requestId, {
      path,
      track,
      forwards: () => this.#parameters.forward !== false,
      joining: () => this.#answers.joining,
      whenAnswered: (callback) => this.#answers.whenAnswered(callback),
    });
    const ask = { path, track, epoch: 0n, options: { ...this.#options, ...groupWish(request.parameters) } };
    this.#viewer = new SubscribeResponder(session, ask, this.#answers, () => {
      this.#stopWaiting();
      this.#over = true;
      forget();
      session.serving.left(this.#viewer);
    });
    session.serving.join(this.#viewer);
    const fill = fillOf(request.requestId, request.parameters, request.parameters);
    if (fill !== "invalid") this.#answers.fills.ask(fill);
  }

  start(): void {
    this.#viewer.start();
    if (this.#info !== undefined || this.#over) return;
    const { rendezvousTimeout = 0 } = this.#parameters;
    this.#stopWaiting = awaitPublisher(this.#context, this.#path, rendezvousTimeout, () =>
      this.#viewer.refuse("not_found"),
    );
  }

  fin(): void {
    if (this.#context.caps.finCancels) this.gone();
  }

  gone(): void {
    this.#viewer.cancel();
    this.#answers.left();
  }

  message(message: Message): void {
    if (message.kind !== "requestUpdate") return;
    const paused = this.#parameters.forward === false;
    const parameters = updatedParameters(this.#parameters, message.parameters);
    const fill = parameters && fillOf(message.requestId, message.parameters, parameters);
    if (parameters === undefined || fill === "invalid") {
      this.#refusal = INVALID_FILTER;
      this.#answers.updateFailed(INVALID_FILTER);
      this.#viewer.refuse(INVALID_FILTER.reason);
      return;
    }
    this.#parameters = parameters;
    this.#answers.fills.ask(fill);
    this.#viewer.update({ ...this.#options, ...groupWish(message.parameters) });
    const resumes = paused && this.#parameters.forward !== false;
    if (!this.#answers.updated(resumes))
      this.#viewer.refuse(this.#context.session.admission.full("unanswered_per_viewer"));
  }

  get #options(): SubscribeOptions {
    return optionsOf(this.#parameters, this.#info);
  }

  /** The order and the time-outs of the publisher are known now. */
  #accepted(info: TrackInfo): void {
    const before = this.#options;
    this.#info = info;
    this.#stopWaiting();
    const now = this.#options;
    if (now.ordered !== before.ordered || !sameTimeouts(now, before)) this.#viewer.update(now);
  }
}
