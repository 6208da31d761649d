import type { BidiStream } from "../../link.ts";
import type { Message, NamespaceRequest } from "../../wire/ietf/index.ts";
import type { IetfContext } from "./context.ts";
import { namespaceExpiryOf } from "./expiry.ts";
import { absolutePath } from "./names.ts";
import { type Refusal, refusalOf } from "./refusal.ts";
import type { RequestResponder } from "./request-responder.ts";
import { send } from "./stream-context.ts";

/** PUBLISH_NAMESPACE: the peer has tracks in the namespace, for as long as the stream lasts (Publishing Namespaces). */
export function servePublishNamespace(
  context: IetfContext,
  request: NamespaceRequest,
  stream: BidiStream,
  over: () => void,
): RequestResponder | Refusal {
  const { session, namespaces } = context;
  const path = absolutePath(request.namespace, context);
  if (typeof path !== "string") return path;
  const withdraw = namespaces.announce(path, session.deps.table ?? session.deps.broadcasts, context.access);
  if (typeof withdraw === "string") return refusalOf(withdraw);
  send(stream, { kind: "requestOk", parameters: namespaceExpiryOf(context), properties: NONE }, context);
  const end = () => {
    over();
    withdraw();
    stream.finish();
  };
  return {
    fin: () => {
      if (context.caps.finCancels) end();
    },
    gone: end,
    message: (message: Message) => {
      if (message.kind === "requestUpdate") {
        send(stream, { kind: "requestOk", parameters: namespaceExpiryOf(context), properties: NONE }, context);
      }
    },
  };
}

const NONE = new Uint8Array(0);
