import type { BidiStream } from "../../link.ts";
import type { FullTrackName, Message, NamespaceRequest, Parameters } from "../../wire/ietf/index.ts";
import type { IetfContext } from "./context.ts";
import { namespaceExpiryOf } from "./expiry.ts";
import { absolutePath } from "./names.ts";
import type { PrefixClaim } from "./prefix-claims.ts";
import { INVALID_FILTER } from "./range-filters.ts";
import { PREFIX_OVERLAP, type Refusal, refusalOf, requestError } from "./refusal.ts";
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
  if (claimed === undefined) return PREFIX_OVERLAP;
  const admitted = context.session.admission.announce();
  if (typeof admitted === "string") {
    claimed.release();
    return refusalOf(admitted);
  }
  const parameters = wantedOf(request.parameters);
  const watch = new TracksWatch(context, stream, { prefix, parameters, claim: claimed }, () => {
    claimed.release();
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
  readonly #claim: PrefixClaim;
  readonly #left: () => void;
  #over = false;

  constructor(
    context: IetfContext,
    stream: BidiStream,
    {
      prefix,
      parameters,
      claim,
    }: { readonly prefix: string; readonly parameters: Parameters; readonly claim: PrefixClaim },
    left: () => void,
  ) {
    this.#context = context;
    this.#stream = stream;
    this.#claim = claim;
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

  /** Subscriptions that exist by now are not affected. */
  message(message: Message): void {
    if (message.kind !== "requestUpdate") return;
    const parameters = updatedParameters(this.#offers.parameters, wantedOf(message.parameters));
    const { namespacePrefix } = message.parameters;
    const prefix = namespacePrefix === undefined ? undefined : absolutePath(namespacePrefix, this.#context);
    if (parameters === undefined) this.#fail(INVALID_FILTER);
    else if (typeof prefix === "object") this.#fail(prefix);
    else if (prefix !== undefined && !this.#claim.move(prefix)) this.#fail(PREFIX_OVERLAP);
    else {
      // An update has no FILL_PARAMETERS.
      const { fill } = this.#offers.parameters;
      this.#answer();
      this.#offers.change(fill === undefined ? parameters : { ...parameters, fill }, prefix);
    }
  }

  /** A failed update ends the request (Updating Subscriptions). */
  #fail(refusal: Refusal): void {
    send(this.#stream, requestError(refusal, this.#context, "subscribeTracks"), this.#context);
    this.gone();
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
