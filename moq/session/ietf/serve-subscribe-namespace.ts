import type { BidiStream } from "../../link.ts";
import type { Reason } from "../../reason.ts";
import { type Message, type Namespace, type NamespaceRequest, namespaceOf } from "../../wire/ietf/index.ts";
import { AnnounceResponder, type AnnounceWriter } from "../announce-responder.ts";
import type { IetfContext } from "./context.ts";
import { namespaceExpiryOf } from "./expiry.ts";
import { absolutePath } from "./names.ts";
import { NamespaceRequests } from "./namespace-requests.ts";
import type { PrefixClaim } from "./prefix-claims.ts";
import { PREFIX_OVERLAP, type Refusal, refusalOf, requestError } from "./refusal.ts";
import type { RequestResponder } from "./request-responder.ts";
import { send } from "./stream-context.ts";
import { TrackOffers } from "./track-offers.ts";

/**
 * SUBSCRIBE_NAMESPACE: tells the peer which namespaces there are under a prefix, and every change to that. In drafts without
 * SUBSCRIBE_TRACKS it may ask for the pushed tracks as well.
 */
export function serveSubscribeNamespace(
  context: IetfContext,
  request: NamespaceRequest,
  stream: BidiStream,
  over: () => void,
): RequestResponder | Refusal {
  const prefix = absolutePath(request.namespace, context);
  if (typeof prefix !== "string") return prefix;
  const claimed = context.prefixes.take("subscribeNamespace", prefix);
  if (claimed === undefined) return PREFIX_OVERLAP;
  const admitted = context.session.admission.announce();
  if (typeof admitted === "string") {
    claimed.release();
    return refusalOf(admitted);
  }
  const tracks = request.tracks === true ? tracksUnder(prefix, request, context) : undefined;
  const watch = new NamespaceWatch(
    context,
    stream,
    { path: prefix, namespace: request.namespace, claim: claimed },
    () => {
      tracks?.stop();
      claimed.release();
      admitted();
      over();
    },
  );
  tracks?.start();
  return watch;
}

/**
 * Draft 14 cannot say whether objects are to come with PUBLISH. There they wait until PUBLISH_OK asks for them, because every peer that
 * follows namespaces gets a PUBLISH, and most refuse it.
 */
function tracksUnder(prefix: string, { parameters }: NamespaceRequest, context: IetfContext): TrackOffers {
  const forward = context.caps.namespaceStreams && parameters.forward !== false;
  return new TrackOffers(context, { prefix, parameters: { forward } });
}

/** A prefix that is followed. */
interface Followed {
  readonly path: string;
  readonly namespace: Namespace;
  readonly claim: PrefixClaim;
}

/** One request for namespaces. */
class NamespaceWatch implements RequestResponder {
  readonly #context: IetfContext;
  readonly #stream: BidiStream;
  readonly #claim: PrefixClaim;
  readonly #left: () => void;
  #responder: AnnounceResponder | undefined;

  constructor(context: IetfContext, stream: BidiStream, { path, namespace, claim }: Followed, over: () => void) {
    this.#context = context;
    this.#stream = stream;
    this.#claim = claim;
    this.#left = over;
    this.#accept();
    this.#follow(path, namespace);
  }

  fin(): void {
    if (this.#context.caps.finCancels) this.gone();
  }

  gone(): void {
    this.#responder?.close();
  }

  message(message: Message): void {
    if (message.kind !== "requestUpdate") return;
    const { namespacePrefix } = message.parameters;
    if (namespacePrefix === undefined) {
      this.#accept();
      return;
    }
    const path = absolutePath(namespacePrefix, this.#context);
    if (typeof path !== "string") this.#fail(path);
    else if (!this.#claim.move(path)) this.#fail(PREFIX_OVERLAP);
    else {
      // Suffixes are relative to the new prefix from the answer on, so the peer knows nothing then that was said before.
      const before = this.#responder;
      this.#responder = undefined;
      before?.withdraw();
      this.#accept();
      this.#follow(path, namespacePrefix);
    }
  }

  /** A failed update ends the request (Updating Subscriptions). */
  #fail(refusal: Refusal): void {
    send(this.#stream, requestError(refusal, this.#context, "subscribeNamespace"), this.#context);
    this.gone();
  }

  #accept(): void {
    const parameters = namespaceExpiryOf(this.#context);
    send(this.#stream, { kind: "requestOk", parameters, properties: NONE }, this.#context);
  }

  #follow(prefix: string, namespace: Namespace): void {
    const { session, access, caps } = this.#context;
    const isCurrent = () => this.#responder === responder;
    const finished = () => {
      if (isCurrent()) this.#stream.finish();
    };
    // Draft 14 has no NAMESPACE: each namespace is a request.
    const writer = caps.namespaceStreams
      ? new NamespaceWriter(this.#context, this.#stream, finished)
      : new NamespaceRequests(this.#context, namespace, finished);
    const ask = { prefix, excludeHop: 0n, ended: false, access };
    const responder = new AnnounceResponder(session, ask, writer, () => {
      session.serving.watchers.delete(responder);
      if (isCurrent()) this.#left();
    });
    this.#responder = responder;
    session.serving.watchers.add(responder);
    responder.start();
  }
}

/** Writes NAMESPACE and NAMESPACE_DONE. */
class NamespaceWriter implements AnnounceWriter {
  readonly counts = false;
  readonly finish: () => void;
  readonly #context: IetfContext;
  readonly #stream: BidiStream;

  /** `finished`: nothing more is announced. */
  constructor(context: IetfContext, stream: BidiStream, finished: () => void) {
    this.#context = context;
    this.#stream = stream;
    this.finish = finished;
  }

  get queued(): number {
    return this.#stream.queued;
  }

  listed(): void {}

  start(suffix: string): number {
    this.#send("namespace", suffix);
    return 0;
  }

  /** A namespace has nothing that changes. */
  update(): void {}

  end(_id: number, suffix: string): void {
    this.#send("namespaceDone", suffix);
  }

  refuse(reason: Reason): void {
    this.#stream.reset(this.#context.session.codes.codeOf(reason));
  }

  /** A path that no namespace has is not announced: moq-lite allows what namespaces cannot say. */
  #send(kind: "namespace" | "namespaceDone", suffix: string): void {
    const namespace = namespaceOf(suffix);
    if (namespace !== undefined) send(this.#stream, { kind, suffix: namespace }, this.#context);
  }
}

const NONE = new Uint8Array(0);
