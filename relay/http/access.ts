import type { IncomingMessage, ServerResponse } from "node:http";
import type { PeerAddress } from "../../moq/link.ts";
import { isUnder } from "../../moq/path.ts";
import { sendJson } from "./respond.ts";

/** Before the path of a session: `/access/live?jwt=…` asks about the session `/live?jwt=…`. */
export const ACCESS_PATH = "/access";

/** The decision that a relay would make on a session. Paths are relative to the session's own. */
export type Verdict =
  | {
      readonly allowed: true;
      /** Prefixes that the session may publish and watch; `""` is everything. */
      readonly publish: readonly string[];
      readonly subscribe: readonly string[];
    }
  | {
      readonly allowed: false;
      readonly status: number;
      /** A stable name; docs/auth.md has them. */
      readonly code: string;
      readonly message: string;
    };

/** The session that a request asks about. */
export interface AccessQuestion {
  /** The path as in the session's URL, starting with `/`, and the query without its `?`. */
  readonly path: string;
  readonly query: string;
  readonly request: IncomingMessage;
  /** The client, also behind a proxy. */
  readonly peer: PeerAddress;
}

/**
 * Answers with the decision that the relay would make on a session. A browser does not tell a page why a WebTransport or WebSocket session
 * was refused, so the page asks here.
 */
export async function answerAccess(
  ask: (question: AccessQuestion) => Promise<Verdict>,
  peer: PeerAddress,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const target = (request.url ?? "").slice(ACCESS_PATH.length);
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? "" : target.slice(mark + 1);
  const verdict = await ask({ path: path === "" ? "/" : path, query, request, peer });
  const status = verdict.allowed ? 200 : verdict.status;
  sendJson(request, response, status, verdict, { "Access-Control-Allow-Origin": "*" });
}

/** True when the decoded path of a request asks about a session. */
export function asksAccess(path: string): boolean {
  return isUnder(path, ACCESS_PATH);
}
