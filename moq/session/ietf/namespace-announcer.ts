import { AnnounceResponder } from "../announce-responder.ts";
import type { IetfContext } from "./context.ts";
import { NamespaceRequests } from "./namespace-requests.ts";

/** Announces to a server what this end has. A client must do that unasked, while a server announces only what its clients ask for. */
export class NamespaceAnnouncer {
  readonly #context: IetfContext;
  readonly #responder: AnnounceResponder;

  constructor(context: IetfContext) {
    const { session } = context;
    this.#context = context;
    const ask = { prefix: session.absolute(""), excludeHop: 0n, ended: false };
    this.#responder = new AnnounceResponder(session, ask, new NamespaceRequests(context, []), () => {
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
}
