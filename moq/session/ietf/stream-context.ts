import type { BidiStream, SendStream } from "../../link.ts";
import { encodeMessage, type Message, type StreamContext } from "../../wire/ietf/index.ts";
import type { RequestContext } from "./context.ts";

/** What the readers of the peer's messages need to know. */
export function fromPeer({ caps, side, session }: RequestContext): StreamContext {
  const from = side === "client" ? "server" : "client";
  return { caps, from, uriBound: session.link.info.binding !== "quic" };
}

export function send(
  stream: Pick<SendStream, "write">,
  message: Message,
  { caps }: Pick<RequestContext, "caps">,
): void {
  stream.write(encodeMessage(message, caps));
}

/** Ends both halves of a request stream for a reason. */
export function abort(stream: BidiStream, code: number): void {
  stream.reset(code);
  stream.stop(code);
}
