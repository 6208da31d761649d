import type { BidiStream } from "../../link.ts";
import type { Location, TrackInfo } from "../../model/index.ts";
import { READ } from "../../wire/codec/index.ts";
import type { FullTrackName, Message, Parameters } from "../../wire/ietf/index.ts";
import { permits } from "../contract.ts";
import type { TurnHandler } from "../intake.ts";
import { SubscribeResponder } from "../subscribe-responder.ts";
import type { IetfContext } from "./context.ts";
import { expiryOf } from "./expiry.ts";
import { fillOf } from "./fill-streams.ts";
import type { MessageSource } from "./message-codec.ts";
import type { NamedTrack } from "./named-track.ts";
import { filtersOfTrack, INVALID_FILTER } from "./range-filters.ts";
import { send } from "./stream-context.ts";
import { type Established, SubscribeAnswers } from "./subscribe-answers.ts";
import { groupWish, optionsOf } from "./subscribe-options.ts";
import { propertiesOf } from "./track-info.ts";
import { updatedParameters } from "./updated-parameters.ts";

/** A track that the peer is offered. */
export interface Offer extends NamedTrack {
  /** As the peer knows it. */
  readonly name: FullTrackName;
  /** That the subscription begins with. */
  readonly parameters: Parameters;
}

/**
 * Why a PUBLISH of ours is over: there was no stream for it, its track does not pass the filters, the peer refused it or gave it up, or its
 * subscription has ended.
 */
export type PublishEnd = "blocked" | "filtered" | "refused" | "over";

/** A PUBLISH of ours: begins a subscription of the peer without its request. */
export class OwnPublish implements TurnHandler {
  readonly #context: IetfContext;
  readonly #offer: Offer;
  readonly #left: (why: PublishEnd) => void;
  readonly #reader: MessageSource;
  readonly #answers: SubscribeAnswers;
  readonly #viewer: SubscribeResponder;
  readonly #giveBack: () => void;
  #stream: BidiStream | undefined;
  #forget: () => void = () => {};
  #unwatchToken: () => void = () => {};
  #end: PublishEnd = "over";
  #parameters: Parameters;
  #info: TrackInfo | undefined;
  #over = false;

  constructor(context: IetfContext, offer: Offer, left: (why: PublishEnd) => void) {
    const { session } = context;
    this.#context = withOwnToken(context, offer);
    this.#offer = offer;
    this.#left = left;
    this.#parameters = offer.parameters;
    this.#reader = context.codec.answers("publish");
    const { path, track } = offer;
    this.#answers = new SubscribeAnswers(
      this.#context,
      { path, track },
      {
        establish: (info, largest) => this.#open(info, largest),
        refuse: () => {},
        largest: () => session.deps.broadcasts.largest(path, track),
        done: () => this.#done(),
      },
    );
    const ask = { path, track, epoch: 0n, options: optionsOf(this.#parameters, undefined) };
    this.#viewer = new SubscribeResponder(session, ask, this.#answers, () => this.#ended());
    const admitted = session.admission.subscribe(path, track, context.access);
    this.#giveBack = typeof admitted === "string" ? () => {} : admitted;
    this.#over = typeof admitted === "string";
    const { presented, tokenWatch } = this.#context;
    if (presented !== undefined && !this.#over) {
      this.#unwatchToken = tokenWatch.add(presented, (reason) => this.#viewer.refuse(reason));
    }
  }

  /** False where the bounds of the session refuse it: `left` is not called then. */
  start(): boolean {
    if (this.#over) return false;
    this.#context.session.serving.join(this.#viewer);
    this.#viewer.start();
    return true;
  }

  data(bytes: Uint8Array): Uint8Array {
    const { session } = this.#context;
    return (
      session.guard(() =>
        this.#over ? READ : this.#reader.push(bytes, (message) => this.#message(message), session.share),
      ) ?? READ
    );
  }

  fin(): void {
    this.#context.session.guard(() => {
      this.#reader.finish();
      if (this.#context.caps.finCancels) this.#leave();
    });
  }

  reset(): void {
    this.#context.session.guard(() => this.#leave());
  }

  stop(): void {
    this.#context.session.guard(() => this.#leave());
  }

  /** The peer gives the subscription up. */
  #leave(): void {
    if (this.#end === "over") this.#end = "refused";
    this.#cancel();
  }

  #open(info: TrackInfo, largest: Location | undefined): Established | undefined {
    const { session, ids, served, caps } = this.#context;
    const taken = !caps.severalSubscriptions && served.has(this.#offer);
    const filters = filtersOfTrack(this.#parameters.rangeFilters ?? [], propertiesOf(info));
    const stream = taken || filters === undefined ? undefined : session.opener.openNow(this);
    if (stream === undefined) {
      // The peer may have subscribed while the track was asked for.
      this.#end = taken ? "refused" : filters === undefined ? "filtered" : "blocked";
      session.share.later(() => {
        this.#cancel();
        return true;
      });
      return undefined;
    }
    this.#stream = stream;
    this.#info = info;
    const wanted = { ...this.#parameters, rangeFilters: filters ?? [] };
    const { fill: _, ...retained } = wanted;
    this.#change(retained);
    const { name, path, track } = this.#offer;
    const requestId = ids.next();
    const fill = fillOf(requestId, wanted, retained);
    if (fill !== "invalid") this.#answers.fills.ask(fill);
    this.#forget = served.add(requestId, {
      path,
      track,
      forwards: () => this.#parameters.forward !== false,
      joining: () => this.#answers.joining,
      whenAnswered: (callback) => this.#answers.whenAnswered(callback),
    });
    const { forward = true } = this.#parameters;
    const parameters = {
      ...this.#parameters,
      forward,
      ...(largest === undefined ? {} : { largest }),
      ...expiryOf(this.#context),
    };
    const properties = propertiesOf(info);
    send(stream, { kind: "publish", requestId, ...name, alias: requestId, parameters, properties }, this.#context);
    return { stream, alias: requestId };
  }

  #message(message: Message): void {
    if (this.#over) return;
    if (message.kind === "requestError") {
      this.#end = "refused";
      this.#answers.refused();
      this.#cancel();
    } else if (message.kind === "requestOk") this.#change({ ...this.#parameters, ...message.parameters });
    else if (message.kind === "requestUpdate") {
      this.#context.ids.use(message.requestId);
      const paused = this.#parameters.forward === false;
      const parameters = updatedParameters(this.#parameters, message.parameters);
      const fill = parameters && fillOf(message.requestId, message.parameters, parameters);
      if (parameters === undefined || fill === "invalid") {
        this.#answers.updateFailed(INVALID_FILTER);
        this.#viewer.refuse(INVALID_FILTER.reason);
        return;
      }
      this.#change(parameters, message.parameters);
      this.#answers.fills.ask(fill);
      this.#answers.updated(paused && this.#parameters.forward !== false);
    }
  }

  #change(parameters: Parameters, wish: Parameters = {}): void {
    this.#parameters = parameters;
    this.#viewer.update({ ...optionsOf(parameters, this.#info), ...groupWish(wish) });
  }

  #cancel(): void {
    if (!this.#over) this.#viewer.cancel();
    this.#answers.left();
  }

  #ended(): void {
    if (this.#over) return;
    this.#over = true;
    this.#forget();
    this.#unwatchToken();
    this.#context.session.serving.left(this.#viewer);
  }

  #done(): void {
    this.#giveBack();
    this.#stream?.stop(this.#context.session.codes.codeOf("cancelled"));
    this.#left(this.#end);
  }
}

/** With the token of the SUBSCRIBE_TRACKS only where the session itself may not have the track: then the track ends when that does. */
function withOwnToken(context: IetfContext, { path, track }: NamedTrack): IetfContext {
  const { presented, ...rest } = context;
  const isNeeded = presented !== undefined && !permits(context.session.deps.access, "subscribe", path, track);
  return isNeeded ? context : rest;
}
