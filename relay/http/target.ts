import type { IncomingMessage } from "node:http";

/** `http://HOST/PATH`, as proxies send it; without user information, which RFC 9110 section 4.2.4 forbids. */
const ABSOLUTE = /^(?:https?|wss?):\/\/(?<authority>[^/?#@]+)(?<path>\/[^#]*|\?[^#]*)?$/i;

/**
 * Changes a request target in absolute form, which a server must accept (RFC 9112 section 3.2.2), into origin form: the path alone, and its
 * host in place of the Host field's. Call it before anything else reads the request.
 */
export function toOriginForm(request: IncomingMessage): void {
  const { authority, path = "/" } = ABSOLUTE.exec(request.url ?? "")?.groups ?? {};
  if (authority === undefined) return;
  request.url = path.startsWith("?") ? `/${path}` : path;
  request.headers.host = authority;
}
