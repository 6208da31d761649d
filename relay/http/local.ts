/**
 * True when a program or a page of this machine sends the request. The client's address alone does not show that: a browser on this machine
 * opens pages from anywhere, and a page can make its own name resolve to 127.0.0.1 (DNS rebinding).
 */
import { isLoopbackHost } from "../config/index.ts";

export { isLoopbackHost } from "../config/index.ts";

/** Characters that a Host field cannot have (RFC 9110 section 7.2) and that delimit the host in a URL. */
const NOT_OF_AUTHORITY = /[@/?#\\]/;

/** `authority` is the host and port of the request, `origin` that of the page. A program may send neither; a browser sends the host. */
export function isLocalRequest(authority: string, origin: string | undefined): boolean {
  if (NOT_OF_AUTHORITY.test(authority)) return false;
  if (authority !== "" && !isLoopbackName(URL.parse(`http://${authority}/`))) return false;
  return origin === undefined || isLoopbackName(URL.parse(origin));
}

function isLoopbackName(url: URL | null): boolean {
  return url !== null && isLoopbackHost(url.hostname);
}

/** Header fields by which a proxy names its client; the peer's own address is the proxy's then. */
const PROXY_FIELDS = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/** True when a proxy sends the request for another client. `has` tells whether a header field is there, by its lower-case name. */
export function isProxied(has: (name: string) => boolean): boolean {
  return PROXY_FIELDS.some(has);
}
