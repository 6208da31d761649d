import {
  type BidiHandler,
  type BidiStream,
  type Link,
  type LinkClosed,
  type LinkHandler,
  PRIORITY_CONTROL,
  type RecvHandler,
  type RecvStream,
} from "../../../link.ts";
import { ProtocolViolation } from "../../../wire/codec/index.ts";
import {
  encodeMessage,
  isRequest,
  type Message,
  namespaceText,
  type Request,
  type RequestKind,
  type StreamContext,
  TerminationError,
} from "../../../wire/ietf/index.ts";
import type { TurnHandler } from "../../intake.ts";
import type { RequestIds } from "../request-ids.ts";
import { ControlHandler } from "./control-handler.ts";
import { MultiplexedLink } from "./multiplexed-link.ts";
import { NamespaceAnswers, NamespaceStream } from "./namespace-stream.ts";
import { RequestLimits } from "./request-limits.ts";
import { Tickets } from "./tickets.ts";
import { VirtualStream, type VirtualStreamOwner } from "./virtual-stream.ts";

/** What the session above is for the multiplexer. */
export interface MultiplexedSession extends LinkHandler {
  /** Handles the events of a stream in the session's turns. */
  intake(handler: TurnHandler): BidiHandler;
  /** Likewise of a stream with a request of the peer, which is refused unless its first message is complete in time. */
  requestStream(handler: NamespaceStream): BidiHandler;
  /** The first message of such a stream is complete, or the stream is over. */
  headerComplete(handler: NamespaceStream): void;
  /** SETUP or GOAWAY. */
  control(message: Message): void;
  /** The control stream has ended. */
  controlLost(): void;
  guard<T>(work: () => T): T | undefined;
}

export interface MultiplexerDeps {
  readonly link: Link;
  readonly ids: RequestIds;
  /** Of the peer's messages. */
  readonly fromPeer: StreamContext;
  readonly client: boolean;
}

/**
 * Stands between a link and a session of a draft before 17, where all requests share one control stream. The session sees a link on which
 * each request has a stream of its own.
 */
export class Multiplexer implements LinkHandler, VirtualStreamOwner {
  readonly tickets = new Tickets();
  /** The link as the session sees it. */
  readonly link: Link;
  readonly #deps: MultiplexerDeps;
  readonly #limits: RequestLimits;
  /** By the id of the request, or of an update of ours. */
  readonly #byId = new Map<number, VirtualStream>();
  /** By kind and namespace, for messages of draft 14 that have no id. */
  readonly #byNamespace = new Map<string, VirtualStream>();
  #session: MultiplexedSession | undefined;
  #control: BidiStream | undefined;
  #streams = 0;
  /** The first id that we may not use. */
  #maximum = 0;
  #blockedAt = -1;

  constructor(deps: MultiplexerDeps) {
    this.#deps = deps;
    this.#limits = new RequestLimits(deps.client ? 1 : 0);
    this.link = new MultiplexedLink(deps.link, {
      open: (handler) => this.#openRequest(handler),
      allow: (requests) => {
        this.#limits.allow(requests);
        this.#grant();
      },
    });
  }

  /** The session is there: events may come. */
  attach(session: MultiplexedSession): void {
    this.#session = session;
  }

  get queued(): number {
    return this.#control?.queued ?? 0;
  }

  /** The bound that SETUP says. */
  get granted(): number {
    return this.#limits.granted;
  }

  /** The client opens the control stream. Nothing where the server allows none. */
  openControl(): boolean {
    const session = this.#session;
    if (session === undefined) return false;
    this.#control = this.#deps.link.openBidi(
      PRIORITY_CONTROL,
      session.intake(new ControlHandler(this, this.#deps.fromPeer)),
    );
    return this.#control !== undefined;
  }

  /** Writes a message that is about no request. */
  send(message: Message): void {
    this.#control?.write(encodeMessage(message, this.#deps.fromPeer.caps));
  }

  uni(stream: RecvStream): RecvHandler {
    return this.#above.uni(stream);
  }

  bidi(stream: BidiStream): BidiHandler {
    const { client, fromPeer } = this.#deps;
    if (!client && this.#control === undefined) {
      this.#control = stream;
      return this.#above.intake(new ControlHandler(this, fromPeer));
    }
    return this.#above.requestStream(new NamespaceStream(this, fromPeer, stream));
  }

  datagram(bytes: Uint8Array): void {
    this.#above.datagram(bytes);
  }

  capacity(): void {
    this.#above.capacity();
  }

  backlog(queued: number): void {
    this.#above.backlog(queued);
  }

  drained(): void {
    this.#above.drained();
  }

  dark(): void {
    this.#above.dark?.();
  }

  closed(why: LinkClosed): void {
    this.#above.closed(why);
  }

  headerComplete(stream: NamespaceStream): void {
    this.#above.headerComplete(stream);
  }

  /** Runs an entry point of the session. */
  guard<T>(work: () => T): T | undefined {
    return this.#above.guard(work);
  }

  controlLost(): void {
    this.#above.controlLost();
  }

  /** A message of the control stream. */
  receive(message: Message): void {
    switch (message.kind) {
      case "setup":
        this.#maximum = Math.max(this.#maximum, message.maxRequestId ?? 0);
        this.#above.control(message);
        this.#above.capacity();
        return;
      case "goaway":
        this.#above.control(message);
        return;
      case "maxRequestId":
        if (message.maximum <= this.#maximum) throw new ProtocolViolation("MAX_REQUEST_ID", "not above the one before");
        this.#maximum = message.maximum;
        this.#above.capacity();
        return;
      case "requestsBlocked":
        return;
      case "unsubscribe":
      case "fetchCancel":
        this.#cancelled(this.#byId.get(message.requestId));
        return;
      case "publishNamespaceDone":
      case "unsubscribeNamespace":
        this.#cancelled(this.#named(message.kind, message));
        return;
      case "publishNamespaceCancel":
        this.#cancelled(this.#named(message.kind, message));
        return;
      case "requestUpdate":
        this.#updated(message);
        return;
      default:
        if (isRequest(message.kind))
          this.requested(message as Request, new VirtualStream(this.#streams++, false, this));
        else this.#answer(message);
    }
  }

  /** The peer makes a request, for which `stream` stands. */
  requested(message: Request, stream: VirtualStream): void {
    this.#checkLimit(message.requestId);
    stream.requestId = message.requestId;
    stream.kind = message.kind;
    this.#register(message.requestId, stream, message);
    stream.handler = this.#above.bidi(stream);
    this.pass(stream, message);
  }

  /** Hands a message to the session, as bytes of its stream. */
  pass(stream: VirtualStream, message: Message): void {
    stream.handler?.data(this.tickets.encode(message));
  }

  write(stream: VirtualStream, ticket: Uint8Array): void {
    const { caps } = this.#deps.fromPeer;
    const said = this.tickets.take(ticket);
    // Draft 14 answers no update.
    if (!caps.commonAnswers && said.kind === "requestOk" && (stream.own || stream.answered)) return;
    const message = this.addressed(stream, said);
    if (stream.real !== undefined) stream.real.write(encodeMessage(message, caps));
    else if (caps.namespaceStreams && message.kind === "subscribeNamespace") this.#openNamespaces(stream, message);
    else this.send(message);
  }

  /** A message of this end with the id of its request, which the draft has in the message. */
  addressed(stream: VirtualStream, message: Message): Message {
    if (stream.requestId === undefined) {
      const request = message as Request;
      stream.requestId = request.requestId;
      stream.kind = request.kind;
      this.#register(request.requestId, stream, request);
      return message;
    }
    if (message.kind === "requestUpdate") {
      this.#byId.set(message.requestId, stream);
      return { ...message, of: stream.requestId };
    }
    const last = message.kind === "publishDone" || message.kind === "requestError";
    if (last) stream.over = true;
    const requestId = this.#answeredId(stream, message);
    const about = { requestId, ...(stream.kind === undefined ? {} : { request: stream.kind }) };
    return { ...message, ...about };
  }

  finished(stream: VirtualStream): void {
    stream.real?.finish();
    // Of our own requests these have no other end.
    const done = stream.own ? stream.over || stream.kind === "fetch" || stream.kind === "trackStatus" : true;
    if (done) this.forget(stream);
  }

  aborted(stream: VirtualStream, code: number): void {
    const { requestId, kind, own, over, real } = stream;
    this.forget(stream);
    real?.reset(code);
    real?.stop(code);
    if (requestId === undefined || over || real !== undefined) return;
    stream.over = true;
    const message = own ? this.#withdrawal(stream, requestId, kind) : this.#revocation(stream, requestId, kind);
    if (message !== undefined) this.send(message);
  }

  /** No message is about the request any more. */
  forget(stream: VirtualStream): void {
    for (const [id, one] of this.#byId) if (one === stream) this.#byId.delete(id);
    for (const [name, one] of this.#byNamespace) if (one === stream) this.#byNamespace.delete(name);
    if (stream.own || stream.requestId === undefined) return;
    this.#limits.done();
    this.#grant();
  }

  get #above(): MultiplexedSession {
    if (this.#session === undefined) throw new Error("no session yet");
    return this.#session;
  }

  #openRequest(handler: BidiHandler): BidiStream | undefined {
    const { ids } = this.#deps;
    if (ids.upcoming < this.#maximum) {
      const stream = new VirtualStream(this.#streams++, true, this);
      stream.handler = handler;
      return stream;
    }
    if (this.#maximum > 0 && this.#blockedAt !== this.#maximum) {
      this.#blockedAt = this.#maximum;
      this.send({ kind: "requestsBlocked", maximum: this.#maximum });
    }
    return undefined;
  }

  /** Our SUBSCRIBE_NAMESPACE, which has a stream of its own. */
  #openNamespaces(stream: VirtualStream, message: Message): void {
    const { link, fromPeer } = this.#deps;
    const answers = new NamespaceAnswers(this, fromPeer, stream);
    stream.real = link.openBidi(PRIORITY_CONTROL, this.#above.intake(answers));
    if (stream.real === undefined) stream.handler?.reset(0);
    else stream.real.write(encodeMessage(message, fromPeer.caps));
  }

  #register(id: number, stream: VirtualStream, message: Request): void {
    this.#byId.set(id, stream);
    if (message.kind === "publishNamespace" || message.kind === "subscribeNamespace") {
      stream.namespace = message.namespace;
      this.#byNamespace.set(nameOf(message.kind, stream.own, namespaceText(message.namespace)), stream);
    }
  }

  #checkLimit(id: number): void {
    if (id < this.#limits.granted) return;
    throw new TerminationError("too_many_requests", "Request ID", "not below MAX_REQUEST_ID");
  }

  #grant(): void {
    const maximum = this.#limits.next();
    if (maximum !== undefined) this.send({ kind: "maxRequestId", maximum });
  }

  /** The peer no longer wants the request, or withdraws it. */
  #cancelled(stream: VirtualStream | undefined): void {
    if (stream === undefined || stream.over) return;
    stream.over = true;
    stream.handler?.reset(0);
  }

  #named(
    kind: "publishNamespaceDone" | "unsubscribeNamespace" | "publishNamespaceCancel",
    { requestId, namespace }: { readonly requestId?: number; readonly namespace?: readonly Uint8Array[] },
  ): VirtualStream | undefined {
    if (requestId !== undefined) return this.#byId.get(requestId);
    if (namespace === undefined) return undefined;
    const request = kind === "unsubscribeNamespace" ? "subscribeNamespace" : "publishNamespace";
    return this.#byNamespace.get(nameOf(request, kind === "publishNamespaceCancel", namespaceText(namespace)));
  }

  #updated(message: Extract<Message, { kind: "requestUpdate" }>): void {
    this.#checkLimit(message.requestId);
    this.#limits.done();
    const stream = message.of === undefined ? undefined : this.#byId.get(message.of);
    if (stream === undefined) {
      // The request may be over for this end.
      this.#deps.ids.use(message.requestId);
      return;
    }
    if (stream.own && stream.kind !== "publish") throw new ProtocolViolation("REQUEST_UPDATE", "from the publisher");
    stream.updates.push(message.requestId);
    this.pass(stream, message);
  }

  /** An answer of the peer, or what follows it. */
  #answer(message: Message): void {
    const id = "requestId" in message ? message.requestId : undefined;
    const stream = id === undefined ? undefined : this.#byId.get(id);
    // The request may be over for this end.
    if (stream === undefined) return;
    if (message.kind === "subscribeOk" || message.kind === "fetchOk") {
      if (!stream.own || stream.answered)
        throw new ProtocolViolation(message.kind === "fetchOk" ? "FETCH_OK" : "SUBSCRIBE_OK", "not allowed here");
      stream.answered = true;
    }
    this.pass(stream, message);
    if (message.kind !== "requestError" && message.kind !== "publishDone") return;
    stream.over = true;
    stream.handler?.fin();
  }

  /** Answers to updates have the ids of these. */
  #answeredId(stream: VirtualStream, message: Message): number {
    const { requestId = 0 } = stream;
    const answers = message.kind === "requestOk" || message.kind === "requestError";
    const update = answers && (stream.own || stream.answered) ? stream.updates.shift() : undefined;
    stream.answered = true;
    return update ?? requestId;
  }

  /** This end no longer wants what it asked for. */
  #withdrawal(stream: VirtualStream, requestId: number, kind: RequestKind | undefined): Message | undefined {
    switch (kind) {
      case "subscribe":
        return { kind: "unsubscribe", requestId };
      case "fetch":
        return { kind: "fetchCancel", requestId };
      case "publishNamespace":
        return { kind: "publishNamespaceDone", requestId, ...this.#namespaceOf(stream) };
      case "subscribeNamespace":
        return { kind: "unsubscribeNamespace", namespace: [], ...this.#namespaceOf(stream) };
      // PUBLISH ends with a PUBLISH_DONE of the session, which knows the code.
      default:
        return undefined;
    }
  }

  /** This end no longer serves what the peer asked for. */
  #revocation(stream: VirtualStream, requestId: number, kind: RequestKind | undefined): Message | undefined {
    switch (kind) {
      case "publish":
        return { kind: "unsubscribe", requestId };
      case "publishNamespace":
        return { kind: "publishNamespaceCancel", requestId, code: 0, reason: "", ...this.#namespaceOf(stream) };
      case "subscribe":
        return { kind: "publishDone", requestId, code: 0, streams: 0, reason: "" };
      default:
        return undefined;
    }
  }

  #namespaceOf({ namespace }: VirtualStream): { namespace?: readonly Uint8Array[] } {
    return namespace === undefined ? {} : { namespace };
  }
}

function nameOf(kind: RequestKind, own: boolean, namespace: string): string {
  return `${kind} ${own ? "own" : "peer"} ${namespace}`;
}
