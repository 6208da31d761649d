import type { Asker, SubscribeOptions, TrackInfo, UpstreamSink } from "../../model/index.ts";
import {
  type FullTrackName,
  type Message,
  namespaceOf,
  readTrackProperties,
  trackNameOf,
} from "../../wire/ietf/index.ts";
import type {
  AskedTrack,
  OwnSubscription,
  RequestMessages,
  SourceProtocol,
  SubscribeMessages,
} from "../source-protocol.ts";
import type { UpstreamRequest, UpstreamRequestEvents } from "../upstream-request.ts";
import { publishDoneReasonOf, requestReasonOf } from "./codes.ts";
import type { RequestContext } from "./context.ts";
import { keyOf } from "./named-track.ts";
import { type FetchAsk, OwnFetch } from "./own-fetch.ts";
import { parametersOf, rangeUpdateOf, sameRange } from "./subscribe-options.ts";
import { infoOf } from "./track-info.ts";

/** Our half of subscriptions, of requests for properties, and of fetches at a publisher. */
export class IetfSourceProtocol implements SourceProtocol {
  /** A publisher need not answer TRACK_STATUS, so the properties of a track come with SUBSCRIBE_OK. */
  readonly hasInfo = false;
  readonly #context: RequestContext;

  constructor(context: RequestContext) {
    this.#context = context;
  }

  canName({ path, track }: AskedTrack): boolean {
    return fullNameOf(path, track) !== undefined;
  }

  subscribe(_id: number, asked: AskedTrack, sink: UpstreamSink, own: OwnSubscription): SubscribeMessages {
    const { caps, ids, aliases, codec } = this.#context;
    const name = fullNameOf(asked.path, asked.track) ?? UNNAMED;
    const reader = codec.answers("subscribe");
    let forget = () => {};
    let established = false;
    let over = false;
    /** The publisher makes a new group when it is asked for one. */
    let dynamic = false;
    /** A wish for a new group that came before the answer. */
    let wished: number | undefined;
    const groupRequest = (above: number) =>
      codec.encode({ kind: "requestUpdate", requestId: ids.next(), parameters: { newGroupRequest: above } });
    const receive = (message: Message) => {
      switch (message.kind) {
        case "subscribeOk": {
          const info = infoOf(message.properties);
          if (info === undefined) return own.ended("unsupported");
          established = true;
          dynamic = !caps.fixedFields && readTrackProperties(message.properties).dynamicGroups === true;
          if (dynamic && wished !== undefined) own.send(groupRequest(wished));
          forget = aliases.add(message.alias, {
            key: keyOf(asked),
            defaultPriority: info.priority,
            timescale: info.timescale,
            subgroup: (start) => own.subgroup(start),
            datagram: (datagram) => own.datagram(datagram),
            get established() {
              return !over;
            },
          });
          return sink.info(info, message.parameters.largest);
        }
        case "requestOk":
        case "publishState":
          if (message.parameters.largest !== undefined) sink.named?.(message.parameters.largest);
          return undefined;
        case "requestError":
          // PUBLISH_DONE follows the refusal of an update.
          return established ? undefined : own.ended(requestReasonOf(message.code, caps, "subscribe"));
        case "publishDone":
          over = true;
          return own.ended(publishDoneReasonOf(message.code, caps));
        default:
      }
    };
    let sent: SubscribeOptions | undefined;
    return {
      request: (options) => {
        sent = options;
        const { newGroupRequest, ...rest } = parametersOf(options);
        // Draft 14 has no such parameter.
        const isAsked = newGroupRequest !== undefined && !caps.fixedFields;
        const parameters = isAsked ? { ...rest, newGroupRequest } : rest;
        return codec.encode({ kind: "subscribe", requestId: ids.next(), ...name, parameters });
      },
      update: (options) => {
        const same = sameRange(sent, options);
        sent = options;
        // Some publishers end a subscription whose priority is changed, and a relay need not pass on what its viewers prefer (Priorities).
        if (same) return undefined;
        return codec.encode({ kind: "requestUpdate", requestId: ids.next(), parameters: rangeUpdateOf(options) });
      },
      requestGroup: (above) => {
        if (!established) wished = above;
        return dynamic ? groupRequest(above) : undefined;
      },
      answer: {
        push: (bytes, allowance) => reader.push(bytes, receive, allowance),
        finish: () => {
          over = true;
          reader.finish();
        },
      },
      gone: () => forget(),
    };
  }

  /** TRACK_STATUS. */
  info(asked: AskedTrack, known: (info: TrackInfo) => void): RequestMessages {
    const { ids, codec } = this.#context;
    const reader = codec.answers("trackStatus");
    const name = fullNameOf(asked.path, asked.track) ?? UNNAMED;
    const receive = (message: Message) => {
      const info = message.kind === "requestOk" ? infoOf(message.properties) : undefined;
      if (info !== undefined) known(info);
    };
    return {
      request: codec.encode({ kind: "trackStatus", requestId: ids.next(), ...name, parameters: {} }),
      answer: {
        push: (bytes, allowance) => reader.push(bytes, receive, allowance),
        finish: () => void reader.finish(),
      },
    };
  }

  /** See {@link startFetch}. */
  fetch(): undefined {}

  startFetch(
    { path, track }: AskedTrack,
    fetch: Omit<FetchAsk, "name">,
    request: (on: UpstreamRequestEvents) => UpstreamRequest,
    asker: Asker | undefined,
  ): () => void {
    const name = fullNameOf(path, track) ?? UNNAMED;
    return new OwnFetch(this.#context, { name, ...fetch }, request).open(asker);
  }
}

/** The full track name of a track of the model; nothing where it has none. */
export function fullNameOf(path: string, track: string): FullTrackName | undefined {
  const namespace = namespaceOf(path);
  const name = trackNameOf(track);
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

const UNNAMED: FullTrackName = { namespace: [], name: new Uint8Array(0) };
