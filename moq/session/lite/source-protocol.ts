import {
  type FetchRange,
  type FetchWriter,
  GroupIntoFetch,
  type SubscribeOptions,
  type TrackInfo,
  type UpstreamSink,
} from "../../model/index.ts";
import {
  encodeRequest,
  encodeSubscribeUpdate,
  FetchedObjectReader,
  newFrameReader,
  type SubscribeResponse,
  subscribeResponses,
  trackResponses,
} from "../../wire/lite/index.ts";
import { isGroup } from "../group-by-group.ts";
import type {
  AnswerReader,
  AskedTrack,
  OwnSubscription,
  RequestMessages,
  SourceProtocol,
  SubscribeMessages,
} from "../source-protocol.ts";
import type { LiteContext } from "./context.ts";
import { numberedFrom } from "./numbered-frames.ts";
import { rangeToWire, toWire } from "./ranges.ts";

/** Timescale of versions without timestamps: the model stamps arrival in milliseconds. */
const ARRIVAL_TIMESCALE = 1000;

/** Our half of Subscribe, Track and Fetch Streams (moq-lite Subscribe, Track, Fetch). */
export class LiteSourceProtocol implements SourceProtocol {
  readonly hasInfo: boolean;
  readonly #caps: LiteContext["caps"];
  readonly #wire: LiteContext["wire"];

  constructor({ caps, wire }: Pick<LiteContext, "caps" | "wire">) {
    this.#caps = caps;
    this.#wire = wire;
    this.hasInfo = caps.trackStream;
  }

  subscribe(id: number, asked: AskedTrack, sink: UpstreamSink, own: OwnSubscription): SubscribeMessages {
    const caps = this.#caps;
    const reader = subscribeResponses(caps, this.#wire);
    const pass = (message: SubscribeResponse) => report(message, sink, own);
    let sent: SubscribeOptions | undefined;
    return {
      request: (options) => {
        sent = options;
        return encodeRequest({ kind: "subscribe", id, ...asked, ...toWire(options) }, caps);
      },
      update: (options) => {
        sent = options;
        return encodeSubscribeUpdate(toWire(options), caps);
      },
      requestGroup: (newGroup) =>
        caps.objects && sent !== undefined ? encodeSubscribeUpdate({ ...toWire(sent), newGroup }, caps) : undefined,
      answer: {
        push: (bytes, allowance) => reader.push(bytes, pass, allowance),
        finish: () => reader.finish(),
      },
    };
  }

  info(asked: AskedTrack, known: (info: TrackInfo) => void): RequestMessages {
    const reader = trackResponses(this.#caps, this.#wire);
    const answer: AnswerReader = {
      push: (bytes, allowance) => reader.push(bytes, known, allowance),
      finish: () => reader.finish(),
    };
    return { request: encodeRequest({ kind: "track", ...asked }, this.#caps), answer };
  }

  /** A FETCH of moq-lite asks for one group, and since 06 for a part of one. */
  fetch(asked: AskedTrack, range: FetchRange, priority: number, writer: FetchWriter): RequestMessages | undefined {
    if (this.#caps.objects) {
      const request = encodeRequest({ kind: "fetch", ...asked, priority, ...rangeToWire(range) }, this.#caps);
      return { request, answer: new FetchedObjectReader(this.#wire, writer) };
    }
    const { start, end } = range;
    if (!isGroup(range) && !(this.#caps.frameRanges && start.group === end.group)) return undefined;
    const request = encodeRequest({ kind: "fetch", ...asked, priority, ...rangeToWire(range) }, this.#caps);
    const frames = numberedFrom(start.object, new GroupIntoFetch(start.group, writer));
    return { request, answer: newFrameReader(this.#caps, this.#wire, frames) };
  }
}

/** Reports to the model what the publisher says of a subscription. */
function report(message: SubscribeResponse, sink: UpstreamSink, own: OwnSubscription): void {
  switch (message.kind) {
    case "ok": {
      const { priority, ordered, maxLatency } = message;
      sink.info({ priority, ordered, maxLatency, timescale: ARRIVAL_TIMESCALE });
      break;
    }
    case "info":
      sink.info(message.info, message.largest);
      break;
    case "start":
      sink.started(message.group);
      break;
    case "end":
      if (message.streams !== undefined) own.counted(message.streams);
      sink.ended(message.group);
      break;
    case "drop":
      sink.dropped(message.start, message.end);
      break;
  }
}
