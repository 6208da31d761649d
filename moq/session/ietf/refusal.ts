import type { BidiStream } from "../../link.ts";
import type { Reason } from "../../reason.ts";
import {
  type FullTrackName,
  type Redirect,
  type Request,
  type RequestErrorName,
  type RequestKind,
  requestErrorCode,
} from "../../wire/ietf/index.ts";
import { refusalNameOf } from "./codes.ts";
import type { IetfContext } from "./context.ts";
import { send } from "./stream-context.ts";

/** Why a request is refused. */
export interface Refusal {
  readonly reason: Reason;
  /** For people to read. */
  readonly text: string;
  /** The error of the draft, where it is another one than the reason stands for. */
  readonly error?: RequestErrorName;
  /** With the error `redirect`, and only then. */
  readonly redirect?: Redirect;
}

/** The prefix of a request for namespaces or tracks. */
export const PREFIX_OVERLAP: Refusal = {
  reason: "duplicate",
  error: "prefix_overlap",
  text: "the prefix overlaps with one that this session follows already",
};

/** Milliseconds after which a peer may send a request again that was refused for load. */
const RETRY_AFTER_MS = 1_000;

/** Answers a request of a kind with REQUEST_ERROR, and ends the stream. */
export function refuseRequest(stream: BidiStream, refusal: Refusal, context: IetfContext, request: RequestKind): void {
  send(stream, requestError(refusal, context, request), context);
  stream.finish();
}

/** The message that refuses a request or an update. */
export function requestError(
  { reason, text, error = refusalNameOf(reason), redirect }: Refusal,
  { caps }: IetfContext,
  request: RequestKind,
) {
  const code = requestErrorCode(error, caps, request);
  return {
    kind: "requestError" as const,
    code,
    reason: text,
    ...(reason === "limit" ? { retryAfter: RETRY_AFTER_MS } : {}),
    ...(redirect === undefined ? {} : { redirect }),
  };
}

/** This end has sent GOAWAY with `uri`: where that names another relay, the request belongs there, with its own names (REDIRECT). */
export function goingAway(request: Request, uri: string, { caps }: IetfContext): Refusal {
  const target = targetOf(request);
  if (uri === "" || target === undefined || !caps.requestStreams) return refusalOf("closed");
  return { ...refusalOf("closed"), error: "redirect", redirect: { uri, ...target } };
}

/** What a request is about; nothing for a joining fetch, whose subscription says it. */
function targetOf(request: Request): FullTrackName | undefined {
  switch (request.kind) {
    case "subscribe":
    case "trackStatus":
    case "publish":
      return { namespace: request.namespace, name: request.name };
    case "fetch":
      return "namespace" in request.of ? request.of : undefined;
    case "publishNamespace":
    case "subscribeNamespace":
    case "subscribeTracks":
      return { namespace: request.namespace, name: new Uint8Array(0) };
  }
}

/** A refusal with a sentence for its reason. */
export function refusalOf(reason: Reason): Refusal {
  return { reason, text: TEXTS[reason] ?? reason };
}

const TEXTS: Partial<Record<Reason, string>> = {
  unauthorized: "the session's token does not allow it",
  token_expired: "the session's token has expired",
  token_revoked: "the session's token was revoked",
  limit: "this relay has reached a bound; try again later",
  not_found: "there is no such track",
  timeout: "no publisher answered in time",
  unsupported: "not part of what this relay or the publisher supports",
  upstream: "the publisher has gone",
  closed: "this relay is going away",
  duplicate: "there is such a subscription already",
  unroutable: "every route to the track leads back to this peer",
};
