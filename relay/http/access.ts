import type { IncomingMessage, ServerResponse } from "node:http";
import { isUnder } from "../../moq/path.ts";
import { sendJson } from "./respond.ts";

/** Before the path of a session: `/access/live?jwt=…` asks about the session `/live?jwt=…`. */
export const ACCESS_PATH = "/access";

/** What a relay would do with a session. Paths are relative to the session's own. */
export type Verdict =
  | {
      readonly allowed: true;
      /** Prefixes that it may publish and watch; `""` is everything. */
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

/** A session that somebody asks about. */
export interface AccessQuestion {
  /** As it would stand in the session's URL, starting with `/`, and the query without its `?`. */
  readonly path: string;
  readonly query: string;
  readonly request: IncomingMessage;
}

/**
 * Answers with what the relay would do with a session. Browsers give a page no reason for a WebTransport or WebSocket
 * session that was refused, so the page asks here.
 */
export async function answerAccess(
  ask: (question: AccessQuestion) => Promise<Verdict>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const target = (request.url ?? "").slice(ACCESS_PATH.length);
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const verdict = await ask({ path: path === "" ? "/" : path, query: mark < 0 ? "" : target.slice(mark + 1), request });
  const status = verdict.allowed ? 200 : verdict.status;
  sendJson(request, response, status, verdict, { "Access-Control-Allow-Origin": "*" });
}

/** Whether a request's decoded path is a question about a session. */
export function asksAccess(path: string): boolean {
  return isUnder(path, ACCESS_PATH);
}
