import type { BidiStream } from "../../link.ts";
import type { Fetch } from "../../wire/ietf/index.ts";
import type { IetfContext } from "./context.ts";
import type { Refusal } from "./refusal.ts";
import type { RequestResponder } from "./request-responder.ts";

export function serveFetch(
  _context: IetfContext,
  _request: Fetch,
  _stream: BidiStream,
  _over: () => void,
): RequestResponder | Refusal {
  return { reason: "unsupported", text: "this relay serves no FETCH" };
}
