import { namespaceOf } from "../../wire/ietf/index.ts";
import { AnnounceResponder, type AnnounceWriter } from "../announce-responder.ts";
import type { IetfContext } from "./context.ts";
import { OwnRequest } from "./own-request.ts";

/**
 * Announces to a server what this end has: a PUBLISH_NAMESPACE for each broadcast. A client must do that unasked, while a server
 * announces only what its clients ask for.
 */
export class NamespaceAnnouncer implements AnnounceWriter {
  readonly queued = 0;
  readonly counts = false;
  readonly #context: IetfContext;
  readonly #requests = new Map<number, OwnRequest>();
  readonly #responder: AnnounceResponder;
  #nextId = 0;

  constructor(context: IetfContext) {
    const { session } = context;
    this.#context = context;
    const ask = { prefix: session.absolute(""), excludeHop: 0n, ended: false };
    this.#responder = new AnnounceResponder(session, ask, this, () => {
      session.serving.watchers.delete(this.#responder);
    });
  }

  open(): void {
    this.#context.session.serving.watchers.add(this.#responder);
    this.#responder.start();
  }

  /** The peer asked us to leave: nothing new is announced. */
  close(): void {
    this.#responder.close();
  }

  listed(): void {}

  start(suffix: string): number {
    const id = this.#nextId++;
    const namespace = namespaceOf(suffix);
    // A path of moq-lite that no namespace stands for.
    if (namespace === undefined) return id;
    const request = new OwnRequest(this.#context, {
      request: (requestId) => ({ kind: "publishNamespace", requestId, namespace, parameters: {} }),
      message: () => {},
      ended: () => this.#requests.delete(id),
    });
    this.#requests.set(id, request);
    request.open();
    return id;
  }

  update(): void {}

  end(id: number): void {
    this.#requests.get(id)?.cancel();
    this.#requests.delete(id);
  }

  /** The session is over, or there are too many: the namespaces end with it. */
  finish(): void {
    for (const request of this.#requests.values()) request.cancel();
    this.#requests.clear();
  }

  refuse(): void {}
}
