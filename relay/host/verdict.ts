import { AuthError } from "../../auth/index.ts";
import type { LinkInfo } from "../../moq/link.ts";
import type { AccessQuestion, Verdict } from "../http/index.ts";
import { scrub } from "../log/index.ts";
import type { Defects } from "./defects.ts";
import type { SessionHost } from "./sessions.ts";

/** Decides on a session as for a real one, for `/access`. Never rejects. */
export async function judge(host: SessionHost, defects: Defects, question: AccessQuestion): Promise<Verdict> {
  try {
    return await host.inspect(infoOf(question));
  } catch (error) {
    if (error instanceof AuthError) {
      const { status, code, message } = error;
      return { allowed: false, status, code, message: scrub(message) };
    }
    defects.report("in an answer to /access", error);
    return { allowed: false, status: 500, code: "internal", message: "internal error" };
  }
}

/** The session as a WebSocket client would open it, the binding that shares this port. */
function infoOf({ path, query, request, peer }: AccessQuestion): LinkInfo {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  return {
    engine: "http",
    binding: "websocket",
    protocol: "",
    dialled: false,
    authority: request.headers.host ?? "",
    path,
    query,
    headers,
    peer,
  };
}
