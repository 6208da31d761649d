/**
 * What a program or a page of this machine asks for, as far as a request tells. An address alone does not: a browser here
 * opens pages from anywhere, and a page can have its own name resolve to 127.0.0.1 (DNS rebinding).
 */
import ipaddr from "ipaddr.js";

/** What no Host field holds (RFC 9110 section 7.2), and a URL ends its host at or begins it after. */
const NOT_OF_AUTHORITY = /[@/?#\\]/;

/** `authority` is the host and port that were asked for, `origin` the page that asks. A program may name neither; a browser names the host. */
export function isLocalRequest(authority: string, origin: string | undefined): boolean {
  if (NOT_OF_AUTHORITY.test(authority)) return false;
  if (authority !== "" && !isLoopbackName(URL.parse(`http://${authority}/`))) return false;
  return origin === undefined || isLoopbackName(URL.parse(origin));
}

/** An address of this machine that others cannot reach, or a name that stands for one by RFC 6761 section 6.3. */
export function isLoopbackHost(host: string): boolean {
  const name = host
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "")
    .toLowerCase();
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  return ipaddr.isValid(name) && ipaddr.process(name).range() === "loopback";
}

function isLoopbackName(url: URL | null): boolean {
  return url !== null && isLoopbackHost(url.hostname);
}
