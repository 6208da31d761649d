import type { BidiStream } from "../../../moq/link.ts";
import {
  encodeMessage,
  type Message,
  namespaceOf,
  namespaceText,
  trackNameText,
} from "../../../moq/wire/ietf/index.ts";
import type { PublishedTrack } from "../published-track.ts";
import { IetfFormat } from "./format.ts";
import type { IetfLoadSession, IetfPart } from "./session.ts";

/** Priorities are turned round: lower comes first. */
const LOWEST = 255;

export interface IetfPublisherDeps {
  readonly broadcasts: readonly string[];
  readonly find: (path: string, track: string) => PublishedTrack | undefined;
  readonly connected: () => void;
  readonly lost: (why: string) => void;
}

/** Announces broadcasts, and serves the subscriptions of the relay. */
export class IetfPublisher implements IetfPart {
  readonly #deps: IetfPublisherDeps;
  readonly #streams = new Map<BidiStream, PublishedTrack>();
  #alias = 0;

  constructor(deps: IetfPublisherDeps) {
    this.#deps = deps;
  }

  start(session: IetfLoadSession): void {
    for (const path of this.#deps.broadcasts) {
      const namespace = namespaceOf(path);
      if (namespace === undefined) throw new Error(`no namespace has the path ${path}`);
      session.ask(
        "publishNamespace",
        (requestId) => ({ kind: "publishNamespace", requestId, namespace, parameters: {} }),
        (answer) => {
          if (answer.kind === "requestError") throw new Error(`PUBLISH_NAMESPACE: ${answer.code} ${answer.reason}`);
        },
        () => {},
      );
    }
    this.#deps.connected();
  }

  request(request: Message, stream: BidiStream, session: IetfLoadSession): void {
    const track =
      request.kind === "subscribe"
        ? this.#deps.find(namespaceText(request.namespace), trackNameText(request.name))
        : undefined;
    if (track === undefined) {
      session.refuse(stream);
      return;
    }
    const alias = this.#alias++;
    const answer: Message = { kind: "subscribeOk", alias, parameters: {}, properties: new Uint8Array() };
    stream.write(encodeMessage(answer, session.caps));
    this.#streams.set(stream, track);
    track.subscribe(stream, new IetfFormat(session, alias, LOWEST - track.priority));
  }

  left(stream: BidiStream): void {
    this.#streams.get(stream)?.unsubscribe(stream);
    this.#streams.delete(stream);
  }

  closed(why: string): void {
    this.#deps.lost(why);
    for (const stream of [...this.#streams.keys()]) this.left(stream);
  }
}
