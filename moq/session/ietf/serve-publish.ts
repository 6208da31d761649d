import type { BidiStream } from "../../link.ts";
import type { SubscribeOptions } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import { type Message, type Parameters, type Publish, readTrackProperties } from "../../wire/ietf/index.ts";
import type { PushedTrack } from "../pushed-tracks.ts";
import { publishDoneReasonOf } from "./codes.ts";
import type { IetfContext } from "./context.ts";
import { expiryOf } from "./expiry.ts";
import { keyOf } from "./named-track.ts";
import { isRefusal, namedTrack } from "./names.ts";
import { type Refusal, refusalOf } from "./refusal.ts";
import type { RequestResponder } from "./request-responder.ts";
import { send } from "./stream-context.ts";
import { infoOf } from "./track-info.ts";

/** PUBLISH: the peer pushes a track. One that begins with FORWARD 0 is asked to send while there is a viewer; one that sends at once is never asked to pause. */
export function servePublish(
  context: IetfContext,
  request: Publish,
  stream: BidiStream,
  over: () => void,
): RequestResponder | Refusal {
  const { session } = context;
  const named = namedTrack(request, context);
  if (isRefusal(named)) return named;
  const info = infoOf(request.properties);
  if (info === undefined) {
    return {
      reason: "unsupported",
      error: "unsupported_extension",
      text: "a property of the track is mandatory and unknown",
    };
  }
  const { largest } = request.parameters;
  const dynamic = !context.caps.fixedFields && readTrackProperties(request.properties).dynamicGroups === true;
  const offer = {
    ...named,
    info,
    largest,
    changed: (wanted: SubscribeOptions | undefined) => responder.changed(wanted),
    ...(dynamic ? { requestGroup: (above: number) => responder.update({ newGroupRequest: above }) } : {}),
  };
  const pushed = context.pushed.offer(offer, context.access);
  if (typeof pushed === "string") return refusalOf(pushed);
  let ended = false;
  const forget = context.aliases.add(request.alias, {
    key: keyOf(named),
    defaultPriority: info.priority,
    timescale: info.timescale,
    subgroup: (start) => pushed.sink?.subgroup(start) ?? "cancelled",
    datagram: (datagram) => pushed.sink?.datagram(datagram),
    get established() {
      return !ended;
    },
  });
  const eager = request.parameters.forward !== false;
  const responder = new ServedPublish(context, stream, { pushed, eager }, () => {
    ended = true;
    session.stragglers.add(forget);
    over();
  });
  responder.accept();
  return responder;
}

/** One track that the peer pushes. */
class ServedPublish implements RequestResponder {
  readonly #context: IetfContext;
  readonly #stream: BidiStream;
  readonly #pushed: PushedTrack;
  readonly #left: () => void;
  /** The publisher began to send at once. */
  readonly #eager: boolean;
  #forward = true;
  #over = false;

  constructor(
    context: IetfContext,
    stream: BidiStream,
    { pushed, eager }: { readonly pushed: PushedTrack; readonly eager: boolean },
    left: () => void,
  ) {
    this.#context = context;
    this.#eager = eager;
    this.#stream = stream;
    this.#pushed = pushed;
    this.#left = left;
  }

  /** PUBLISH_OK. What a publisher sends without being asked to wait is not paused: some publishers end a track when they are. */
  accept(): void {
    const { wanted } = this.#pushed;
    const forward = this.#eager || wanted !== undefined;
    const { publishParameters, fixedFields } = this.#context.caps;
    this.#forward = publishParameters ? this.#eager : forward;
    const expiry = fixedFields ? {} : expiryOf(this.#context);
    const parameters = { ...(publishParameters ? {} : { forward }), ...expiry };
    send(this.#stream, { kind: "requestOk", parameters, properties: NONE }, this.#context);
    this.changed(wanted);
  }

  /** What viewers want has changed: a publisher that began with FORWARD 0 sends for the first viewer, and pauses after the last. */
  changed(wanted: SubscribeOptions | undefined): void {
    const forward = this.#eager || wanted !== undefined;
    if (this.#over || forward === this.#forward) return;
    this.#forward = forward;
    this.update({ forward });
  }

  update(parameters: Parameters): void {
    const requestId = this.#context.ids.next();
    send(this.#stream, { kind: "requestUpdate", requestId, parameters }, this.#context);
  }

  message(message: Message): void {
    if ("parameters" in message && message.parameters.largest !== undefined) {
      this.#pushed.names(message.parameters.largest);
    }
    if (message.kind === "publishDone") this.#end(publishDoneReasonOf(message.code, this.#context.caps));
    else if (message.kind === "requestUpdate") {
      send(this.#stream, { kind: "requestOk", parameters: expiryOf(this.#context), properties: NONE }, this.#context);
    }
  }

  /** The end of the stream ends the track, also without PUBLISH_DONE (Stream Cancellation). */
  fin(): void {
    this.#end(undefined);
  }

  gone(): void {
    this.#end(undefined);
  }

  #end(reason: Reason | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#left();
    this.#stream.finish();
    this.#pushed.end(reason);
  }
}

const NONE = new Uint8Array(0);
