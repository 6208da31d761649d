import type { BidiStream } from "../../link.ts";
import type { Request } from "../../wire/ietf/index.ts";
import type { IetfContext } from "./context.ts";
import type { Refusal } from "./refusal.ts";
import type { RequestResponder } from "./request-responder.ts";
import { serveFetch } from "./serve-fetch.ts";
import { servePublish } from "./serve-publish.ts";
import { servePublishNamespace } from "./serve-publish-namespace.ts";
import { serveSubscribe } from "./serve-subscribe.ts";
import { serveSubscribeNamespace } from "./serve-subscribe-namespace.ts";
import { serveSubscribeTracks } from "./serve-subscribe-tracks.ts";
import { serveTrackStatus } from "./serve-track-status.ts";

/** Serves a request of the peer, or says why not. `over` is called once the request has ended, in whatever way. */
export function serveRequest(
  context: IetfContext,
  request: Request,
  stream: BidiStream,
  over: () => void,
): RequestResponder | Refusal {
  switch (request.kind) {
    case "subscribe":
      return serveSubscribe(context, request, stream, over);
    case "trackStatus":
      return serveTrackStatus(context, request, stream, over);
    case "fetch":
      return serveFetch(context, request, stream, over);
    case "publish":
      return servePublish(context, request, stream, over);
    case "publishNamespace":
      return servePublishNamespace(context, request, stream, over);
    case "subscribeNamespace":
      return serveSubscribeNamespace(context, request, stream, over);
    case "subscribeTracks":
      return serveSubscribeTracks(context, request, stream, over);
  }
}
