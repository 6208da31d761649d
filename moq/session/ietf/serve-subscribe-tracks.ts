import type { BidiStream } from "../../link.ts";
import type { FullTrackName, Message, NamespaceRequest, Parameters } from "../../wire/ietf/index.ts";
import type { IetfContext } from "./context.ts";
import { namespaceExpiryOf } from "./expiry.ts";
import { absolutePath } from "./names.ts";
import { INVALID_FILTER } from "./range-filters.ts";
import { type Refusal, refusalOf, requestError } from "./refusal.ts";
import type { RequestResponder } from "./request-responder.ts";
import { send } from "./stream-context.ts";
import { TrackOffers } from "./track-offers.ts";
import { updatedParameters } from "./updated-parameters.ts";

/** SUBSCRIBE_TRACKS: the peer gets a PUBLISH for each track under a prefix that a publisher pushes, to this relay or to another one. */
export function serveSubscribeTracks(
  context: IetfContext,
  request: NamespaceRequest,
  stream: BidiStream,
  over: () => void,
): RequestResponder | Refusal {
  const prefix = absolutePath(request.namespace, context);
  if (typeof prefix !== "string") return prefix;
  const claimed = context.prefixes.take("subscribeTracks", prefix);
  if (claimed === undefined) {
    return {
      reason: "duplicate",
      error: "prefix_overlap",
      text: "the prefix overlaps with one that this session follows already",
    };
  }
  const admitted = context.session.admission.announce();
  if (typeof admitted === "string") {
    claimed();
    return refusalOf(admitted);
  }
  const parameters = wantedOf(request.parameters);
  const watch = new TracksWatch(context, stream, { prefix, parameters }, () => {
    claimed();
    admitted();
    over();
  });
  watch.start();
  return watch;
}

/** One request for tracks. */
class TracksWatch implements RequestResponder {
  readonly #context: IetfContext;
  readonly #stream: BidiStream;
  readonly #offers: TrackOffers;
  readonly #left: () => void;
  #over = false;

  constructor(
    context: IetfContext,
    stream: BidiStream,
    { prefix, parameters }: { readonly prefix: string; readonly parameters: Parameters },
    left: () => void,
  ) {
    this.#context = context;
    this.#stream = stream;
    this.#left = left;
    const skipped = (track: FullTrackName) => send(stream, { kind: "publishSkipped", ...track }, context);
    this.#offers = new TrackOffers(context, { prefix, parameters, ...(context.caps.subscribeTracks && { skipped }) });
  }

  start(): void {
    this.#answer();
    this.#offers.start();
  }

  fin(): void {
    if (this.#context.caps.finCancels) this.gone();
  }

  /** Subscriptions that exist by now stay. */
  gone(): void {
    if (this.#over) return;
    this.#over = true;
    this.#offers.stop();
    this.#stream.finish();
    this.#left();
  }

  message(message: Message): void {
    if (message.kind !== "requestUpdate") return;
    const parameters = updatedParameters(this.#offers.parameters, wantedOf(message.parameters));
    if (parameters === undefined) {
      send(this.#stream, requestError(INVALID_FILTER, this.#context, "subscribeTracks"), this.#context);
      this.gone();
      return;
    }
    // An update has no FILL_PARAMETERS.
    const { fill } = this.#offers.parameters;
    this.#answer();
    this.#offers.change(fill === undefined ? parameters : { ...parameters, fill });
  }

  #answer(): void {
    const parameters = namespaceExpiryOf(this.#context);
    send(this.#stream, { kind: "requestOk", parameters, properties: NONE }, this.#context);
  }
}

/** What a request or an update says of the subscriptions that it asks for. Tokens are for the request alone. */
function wantedOf({ tokens: _, namespacePrefix: _prefix, ...wanted }: Parameters): Parameters {
  return wanted;
}

const NONE = new Uint8Array(0);
