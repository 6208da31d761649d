import type { BidiStream } from "../../link.ts";
import type { Reason } from "../../reason.ts";
import { type Message, type Namespace, type NamespaceRequest, namespaceOf } from "../../wire/ietf/index.ts";
import { AnnounceResponder, type AnnounceWriter } from "../announce-responder.ts";
import type { IetfContext } from "./context.ts";
import { namespaceExpiryOf } from "./expiry.ts";
import { absolutePath } from "./names.ts";
import { NamespaceRequests } from "./namespace-requests.ts";
import { type Refusal, refusalOf } from "./refusal.ts";
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
  if (claimed === undefined) return { reason: "duplicate", error: "prefix_overlap", text: OVERLAP };
  const admitted = context.session.admission.announce();
  if (typeof admitted === "string") {
    claimed();
    return refusalOf(admitted);
  }
  const tracks = request.tracks === true ? tracksUnder(prefix, request, context) : undefined;
  const watch = new NamespaceWatch(context, stream, { path: prefix, namespace: request.namespace }, () => {
    tracks?.stop();
    claimed();
    admitted();
    over();
  });
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

/** One request for namespaces. */
class NamespaceWatch implements RequestResponder {
  readonly #context: IetfContext;
  readonly #stream: BidiStream;
  readonly #responder: AnnounceResponder;

  constructor(
    context: IetfContext,
    stream: BidiStream,
    { path, namespace }: { readonly path: string; readonly namespace: Namespace },
    over: () => void,
  ) {
    const { session } = context;
    this.#context = context;
    this.#stream = stream;
    const ask = { prefix: path, excludeHop: 0n, ended: false, access: context.access };
    // Draft 14 has no NAMESPACE: each namespace is a request.
    const writer = context.caps.namespaceStreams
      ? new NamespaceWriter(context, stream)
      : new NamespaceRequests(context, namespace, () => stream.finish());
    this.#responder = new AnnounceResponder(session, ask, writer, () => {
      session.serving.watchers.delete(this.#responder);
      over();
    });
    send(stream, { kind: "requestOk", parameters: namespaceExpiryOf(context), properties: NONE }, context);
    session.serving.watchers.add(this.#responder);
    this.#responder.start();
  }

  fin(): void {
    if (this.#context.caps.finCancels) this.gone();
  }

  gone(): void {
    this.#responder.close();
  }

  message(message: Message): void {
    if (message.kind !== "requestUpdate") return;
    send(
      this.#stream,
      { kind: "requestOk", parameters: namespaceExpiryOf(this.#context), properties: NONE },
      this.#context,
    );
  }
}

/** Writes NAMESPACE and NAMESPACE_DONE. */
class NamespaceWriter implements AnnounceWriter {
  readonly counts = false;
  readonly #context: IetfContext;
  readonly #stream: BidiStream;

  constructor(context: IetfContext, stream: BidiStream) {
    this.#context = context;
    this.#stream = stream;
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

  finish(): void {
    this.#stream.finish();
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

const OVERLAP = "the prefix overlaps with one that this session follows already";
const NONE = new Uint8Array(0);
