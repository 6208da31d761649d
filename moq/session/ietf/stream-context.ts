import type { BidiStream, LinkInfo, SendStream } from "../../link.ts";
import type { Capabilities, Message, StreamContext } from "../../wire/ietf/index.ts";
import type { RequestContext } from "./context.ts";

/** What the readers of the peer's messages need to know. */
export function fromPeer({ binding, dialled }: LinkInfo, caps: Capabilities): StreamContext {
  return { caps, from: dialled ? "server" : "client", uriBound: binding !== "quic" };
}

/** Writes a message to the stream of a request. */
export function send(
  stream: Pick<SendStream, "write">,
  message: Message,
  { codec }: Pick<RequestContext, "codec">,
): void {
  stream.write(codec.encode(message));
}

/** Ends both halves of a request stream for a reason. */
export function abort(stream: BidiStream, code: number): void {
  stream.reset(code);
  stream.stop(code);
}
