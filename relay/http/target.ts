import type { IncomingMessage } from "node:http";

/** `http://HOST/PATH`, as proxies send it; without user information, which RFC 9110 section 4.2.4 has refused. */
const ABSOLUTE = /^(?:https?|wss?):\/\/(?<authority>[^/?#@]+)(?<path>\/[^#]*|\?[^#]*)?$/i;

/**
 * Makes the absolute form of a request target, which a server must take (RFC 9112 section 3.2.2), the usual one: the path alone, and the
 * host that it names in place of the Host field's. Call it before anything else looks at the request.
 */
export function toOriginForm(request: IncomingMessage): void {
  const { authority, path = "/" } = ABSOLUTE.exec(request.url ?? "")?.groups ?? {};
  if (authority === undefined) return;
  request.url = path.startsWith("?") ? `/${path}` : path;
  request.headers.host = authority;
}
