/** Which control messages may follow each other on a stream. */
import type { ReadContext } from "./context.ts";
import type { RequestKind } from "./parameter-scopes.ts";
import { isRequest, type MessageKind, type MessageType } from "./types.ts";

/** What is known of a stream before its first message. */
export type StreamContext = Pick<ReadContext, "caps" | "from" | "uriBound">;

/** Messages that the side which opened a request may send after it. */
const FROM_OPENER: Readonly<Record<RequestKind, readonly MessageKind[]>> = {
  subscribe: ["requestUpdate"],
  publish: ["requestUpdate", "requestOk", "requestError", "publishDone", "publishState"],
  fetch: ["requestUpdate"],
  trackStatus: [],
  publishNamespace: ["requestUpdate"],
  subscribeNamespace: ["requestUpdate"],
  subscribeTracks: ["requestUpdate"],
};

/** The positive answer to a request. */
const ANSWERS: Readonly<Record<RequestKind, MessageKind>> = {
  subscribe: "subscribeOk",
  publish: "requestOk",
  fetch: "fetchOk",
  trackStatus: "requestOk",
  publishNamespace: "requestOk",
  subscribeNamespace: "requestOk",
  subscribeTracks: "requestOk",
};

/** Messages that the other side may send after its answer, besides answers to updates. */
const AFTER_ANSWER: Readonly<Record<RequestKind, readonly MessageKind[]>> = {
  subscribe: ["publishDone", "publishState"],
  publish: ["requestUpdate"],
  fetch: [],
  trackStatus: [],
  publishNamespace: [],
  subscribeNamespace: ["namespace", "namespaceDone"],
  subscribeTracks: ["publishSkipped"],
};

/** Requests whose answer must be the first message. On other streams a GOAWAY may come before it. */
const ANSWER_FIRST: readonly RequestKind[] = ["subscribeNamespace", "subscribeTracks"];

/** Messages that are on the streams of SUBSCRIBE_NAMESPACE only, where it has them. */
const ON_NAMESPACE_STREAMS: readonly MessageKind[] = [
  "subscribeNamespace",
  "subscribeTracks",
  "namespace",
  "namespaceDone",
];

type Place = "control" | "opener" | "answerer";

/** One direction of a stream: a control stream, a stream from the side that opened it with a request, or from the other side. */
export class MessageOrder {
  readonly #stream: StreamContext;
  #place: Place;
  #request: RequestKind | undefined;
  #count = 0;
  #answered = false;
  #goaway = false;

  constructor(stream: StreamContext, place: Place, request?: RequestKind) {
    this.#stream = stream;
    this.#place = place;
    this.#request = request;
  }

  /** Messages so far. */
  get count(): number {
    return this.#count;
  }

  get request(): RequestKind | undefined {
    return this.#request;
  }

  get isControl(): boolean {
    return this.#place === "control";
  }

  /** Whether a message of that type may come next. */
  allows({ kind, from }: MessageType): boolean {
    if (kind === "goaway") return !this.#goaway && this.#allowsGoaway();
    if (kind === "setup") return this.#allowsSetup(from);
    switch (this.#place) {
      case "control":
        return this.#count > 0 && this.#allowsOnControl(kind);
      case "opener":
        return this.#request === undefined ? this.#opens(kind) : FROM_OPENER[this.#request].includes(kind);
      case "answerer":
        return this.#allowsAnswer(kind);
    }
  }

  /** What the reader of a message of that type has to know. */
  context({ kind, request: answered }: MessageType): ReadContext {
    const request = this.#request ?? (isRequest(kind) ? kind : undefined);
    const opener = this.#place === "opener";
    return {
      ...this.#stream,
      ...(request === undefined ? {} : { request }),
      ...(answered === undefined ? {} : { answered }),
      opener,
      update: opener || this.#answered,
    };
  }

  /** A message of that kind was read. */
  note(kind: MessageKind): void {
    this.#count++;
    if (kind === "goaway") this.#goaway = true;
    else if (kind === "setup") this.#place = "control";
    else if (this.#place === "answerer") this.#answered = true;
    else if (this.#place === "opener" && isRequest(kind)) this.#request = kind;
  }

  /** SETUP is the first message of a control stream, which before draft 17 is a stream that the client opens. */
  #allowsSetup(from: MessageType["from"]): boolean {
    if (this.#count > 0 || (from !== undefined && from !== this.#stream.from)) return false;
    return this.#place === "control" || (this.#place === "opener" && from === "client");
  }

  #allowsOnControl(kind: MessageKind): boolean {
    const { requestStreams, namespaceStreams } = this.#stream.caps;
    return !requestStreams && !(namespaceStreams && ON_NAMESPACE_STREAMS.includes(kind));
  }

  #opens(kind: MessageKind): boolean {
    const { requestStreams, namespaceStreams } = this.#stream.caps;
    return requestStreams ? isRequest(kind) : namespaceStreams && kind === "subscribeNamespace";
  }

  #allowsAnswer(kind: MessageKind): boolean {
    const request = this.#request;
    if (request === undefined) return false;
    if (!this.#answered) return kind === ANSWERS[request] || kind === "requestError";
    // Answers to updates have these two kinds for every request.
    return kind === "requestOk" || kind === "requestError" || AFTER_ANSWER[request].includes(kind);
  }

  #allowsGoaway(): boolean {
    const request = this.#request;
    if (this.#place === "control") return this.#count > 0;
    if (!this.#stream.caps.requestStreams || request === undefined) return false;
    return this.#place === "opener" || this.#answered || !ANSWER_FIRST.includes(request);
  }
}
