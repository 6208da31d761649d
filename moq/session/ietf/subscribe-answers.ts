import type { SendStream } from "../../link.ts";
import type { DatagramObject, Location, SubgroupStart, TrackInfo } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import { encodeObjectDatagram, encodeSubgroupHeader, publishDoneCode } from "../../wire/ietf/index.ts";
import type { SubscribeWriter } from "../subscribe-responder.ts";
import { publishDoneOf } from "./codes.ts";
import type { IetfContext } from "./context.ts";
import { expiryOf } from "./expiry.ts";
import { FillStreams } from "./fill-streams.ts";
import type { NamedTrack } from "./named-track.ts";
import { type Refusal, refusalOf, requestError } from "./refusal.ts";
import { send } from "./stream-context.ts";
import { turnedRound } from "./track-info.ts";

/** Updates that may wait until their request is answered. A subscriber that waits for its track sends few of them. */
export const MAX_EARLY_UPDATES = 16;

/** A subscription that is established. */
export interface Established {
  readonly stream: SendStream;
  /** What its streams name it by. */
  readonly alias: number;
}

/** How a subscription begins: as the answer to SUBSCRIBE, or by a PUBLISH of ours. */
export interface Opening {
  /** The track exists. Nothing where there can be no stream for the subscription. */
  establish(info: TrackInfo, largest: Location | undefined): Established | undefined;
  /** The track does not exist, or must not be subscribed to. */
  refuse(reason: Reason): void;
  /** The newest object of the track now, where one is known. */
  largest(): Location | undefined;
  /** Nothing more is sent. */
  done(): void;
}

/** The publisher's half of one subscription: its streams and datagrams, and its end (PUBLISH_DONE). */
export class SubscribeAnswers implements SubscribeWriter {
  readonly promisesStart = false;
  readonly ownNumbers = true;
  readonly #context: IetfContext;
  readonly #opening: Opening;
  readonly fills: FillStreams;
  #stream: SendStream | undefined;
  /** What its streams name it by. */
  #alias = 0;
  /** Called once the peer has its answer; absent once it has. */
  #waiting: Set<() => void> | undefined = new Set();
  /** Updates that are not answered. */
  #unanswered = 0;
  /** One of them is that the subscription goes on after a pause. */
  #resumes = false;
  #joining: Location | undefined;
  /** The newest object, as our last answer says. */
  #largest: Location | undefined;
  /** Streams that were opened for the subscription. */
  #streams = 0;
  /** It ends because of an update. */
  #failed = false;
  /** Only fills are sent any more. */
  #over = false;
  /** The peer has been told that it is over. */
  #done = false;

  constructor(context: IetfContext, track: NamedTrack, opening: Opening) {
    this.#context = context;
    this.#opening = opening;
    this.fills = new FillStreams(context, track, () => {
      if (!this.#over) return;
      this.#answerUpdates();
      if (!this.fills.busy) this.#sayDone(undefined);
    });
  }

  /** The newest object, as we have told the peer, when the subscription began or went on after a pause. */
  get joining(): Location | undefined {
    return this.#joining;
  }

  /** Calls `callback` once the peer has its answer, possibly now. Returns a cancel. */
  whenAnswered(callback: () => void): () => void {
    const waiting = this.#waiting;
    if (waiting === undefined) callback();
    else waiting.add(callback);
    return () => waiting?.delete(callback);
  }

  accepted(info: TrackInfo, largest: Location | undefined): void {
    this.#joining = largest;
    this.#largest = largest;
    const established = this.#opening.establish(info, largest);
    this.#stream = established?.stream;
    this.#alias = established?.alias ?? 0;
    if (established !== undefined) this.fills.start(largest, info);
    if (this.#unanswered > 0) this.#context.session.share.later(this.#answerUpdates);
    this.#answered();
  }

  /**
   * An update takes effect with the next job of the session, and is answered after that: its answer names the newest object that was there
   * then. Before the request is answered the update waits for that; false where too many do. `resumes`: it ends a pause.
   */
  updated(resumes: boolean): boolean {
    this.#unanswered++;
    this.#resumes ||= resumes;
    if (this.#stream === undefined) return this.#unanswered <= MAX_EARLY_UPDATES;
    this.#context.session.share.later(this.#answerUpdates);
    return true;
  }

  readonly #answerUpdates = (): boolean => {
    const stream = this.#stream;
    if (stream === undefined || this.#done) return true;
    // A track that has ended is not known any more.
    const largest = this.#opening.largest() ?? (this.#over ? this.#largest : undefined);
    this.#largest = largest;
    if (this.#resumes) this.#joining = largest;
    this.#resumes = false;
    const parameters = { ...(largest === undefined ? {} : { largest }), ...expiryOf(this.#context) };
    for (; this.#unanswered > 0; this.#unanswered--) {
      send(stream, { kind: "requestOk", parameters, properties: NONE }, this.#context);
    }
    this.fills.start(largest);
    return true;
  };

  /** An update is refused, which ends the subscription (Updating Subscriptions). The caller ends it. */
  updateFailed(refusal: Refusal): void {
    if (this.#stream === undefined || this.#done) return;
    this.#answerUpdates();
    send(this.#stream, requestError(refusal, this.#context, "subscribe"), this.#context);
    this.#failed = true;
    if (this.#over) this.fills.cancel();
  }

  /** Not said: the peer knows the largest location. */
  started(): void {}

  subgroupHeader(start: SubgroupStart, first: number): Uint8Array {
    this.#streams++;
    const { group, subgroup, priority, firstObject, endsGroup } = start;
    const header = {
      trackAlias: this.#alias,
      group,
      subgroup,
      ...(priority === undefined ? {} : { priority: turnedRound(priority) }),
      firstObject: firstObject && first === 0,
      endsGroup,
    };
    return encodeSubgroupHeader(header, this.#context.caps);
  }

  datagram(datagram: DatagramObject): Uint8Array | undefined {
    const { priority, ...object } = datagram;
    const turned = priority === undefined ? {} : { priority: turnedRound(priority) };
    return encodeObjectDatagram({ ...object, ...turned, trackAlias: this.#alias }, this.#context.caps);
  }

  /** Not said: a subscriber learns nothing of a stream that was never opened. */
  dropped(): void {}

  /** Not said: PUBLISH_DONE follows. */
  ended(): void {}

  finish(): void {
    this.#end(undefined);
  }

  refuse(reason: Reason): void {
    this.#end(reason);
  }

  /** The peer has refused the PUBLISH. No PUBLISH_DONE follows, because there is no subscription that ends. */
  refused(): void {
    if (this.#over) return;
    this.fills.cancel();
    this.#over = true;
    this.#done = true;
    this.#stream?.finish();
    this.#answered();
    this.#opening.done();
  }

  left(): void {
    this.fills.cancel();
    this.#end(undefined);
  }

  #end(reason: Reason | undefined): void {
    if (this.#over) return;
    this.#answerUpdates();
    if (reason !== undefined || this.#stream === undefined) this.fills.cancel();
    this.#over = true;
    // All streams end before PUBLISH_DONE.
    if (!this.fills.busy) this.#sayDone(reason);
  }

  #sayDone(reason: Reason | undefined): void {
    if (this.#done) return;
    this.#done = true;
    if (this.#stream === undefined) this.#opening.refuse(reason ?? "not_found");
    else {
      const { caps } = this.#context;
      const code = this.#failed ? publishDoneCode("update_failed", caps) : publishDoneOf(reason, caps);
      const text = reason === undefined ? "" : refusalOf(reason).text;
      send(
        this.#stream,
        { kind: "publishDone", code, streams: this.#streams + this.fills.opened, reason: text },
        this.#context,
      );
      this.#stream.finish();
    }
    this.#answered();
    this.#opening.done();
  }

  #answered(): void {
    const callbacks = this.#waiting;
    this.#waiting = undefined;
    for (const callback of callbacks ?? []) callback();
  }
}

const NONE = new Uint8Array(0);
