import type { Message } from "../../wire/ietf/index.ts";
import type { Responder } from "../responder.ts";

/** What serves a request of the peer. */
export interface RequestResponder extends Responder {
  /** A further message of the peer on the stream of the request, other than the request. */
  message?(message: Message): void;
}
