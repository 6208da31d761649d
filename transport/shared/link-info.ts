import { isIP } from "node:net";
import type { DialOptions, LinkInfo } from "../../moq/link.ts";

const HTTPS_PORT = 443;

/** Path and query of a request target; the query comes without its `?`. */
export function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const mark = target.indexOf("?");
  return mark < 0 ? { path: target, query: "" } : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/** Headers by their name in lower case. */
export function headerMap(headers: Iterable<readonly [name: string, value: string]>): Map<string, string> {
  return new Map([...headers].map(([name, value]) => [name.toLowerCase(), value]));
}

/** A dialled WebTransport link, for engines that resolve names themselves and do not report the address. */
export function dialledInfo(engine: string, { url, headers }: DialOptions, protocol: string): LinkInfo {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return {
    engine,
    binding: "webtransport",
    protocol,
    dialled: true,
    authority: url.host,
    path: url.pathname,
    query: url.search.slice(1),
    headers: headerMap(headers ?? []),
    peer: { address: isIP(host) === 0 ? "" : host, port: url.port === "" ? HTTPS_PORT : Number(url.port) },
  };
}
