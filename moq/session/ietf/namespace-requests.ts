import { type Namespace, namespaceOf } from "../../wire/ietf/index.ts";
import type { AnnounceWriter } from "../announce-responder.ts";
import type { IetfContext } from "./context.ts";
import { OwnRequest } from "./own-request.ts";

/** Announces to the peer by requests: a PUBLISH_NAMESPACE for each namespace. */
export class NamespaceRequests implements AnnounceWriter {
  readonly queued = 0;
  readonly counts = false;
  readonly #context: IetfContext;
  readonly #prefix: Namespace;
  readonly #requests = new Map<number, OwnRequest>();
  readonly #finished: () => void;
  #nextId = 0;

  /** `prefix` stands before each namespace. `finished`: nothing more is announced. */
  constructor(context: IetfContext, prefix: Namespace, finished: () => void = () => {}) {
    this.#context = context;
    this.#prefix = prefix;
    this.#finished = finished;
  }

  listed(): void {}

  start(suffix: string): number {
    const id = this.#nextId++;
    const rest = namespaceOf(suffix);
    // A path of moq-lite that no namespace stands for.
    if (rest === undefined) return id;
    const namespace = [...this.#prefix, ...rest];
    const request = new OwnRequest(this.#context, {
      request: (requestId) => ({ kind: "publishNamespace", requestId, namespace, parameters: {} }),
      message: () => {},
      ended: () => this.#requests.delete(id),
    });
    this.#requests.set(id, request);
    request.open();
    return id;
  }

  /** A namespace has nothing that changes. */
  update(): void {}

  end(id: number): void {
    this.#requests.get(id)?.cancel();
    this.#requests.delete(id);
  }

  /** The session is over, or there are too many: the namespaces end with it. */
  finish(): void {
    for (const request of this.#requests.values()) request.cancel();
    this.#requests.clear();
    this.#finished();
  }

  refuse(): void {}
}
