/** Addresses of this machine, and addresses to listen at. */
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** A loopback address, or a name that means one by RFC 6761 section 6.3. */
export function isLoopbackHost(host: string): boolean {
  const name = host
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "")
    .toLowerCase();
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  return ipaddr.isValid(name) && ipaddr.process(name).range() === "loopback";
}

/** True for a URL without TLS (`ws:` or `http:`) that leads to another machine. `address` is dialled in place of its host. */
export function isPlainElsewhere(text: string, address?: string): boolean {
  const url = URL.parse(text);
  if (url === null || !["ws:", "http:"].includes(url.protocol)) return false;
  return !isLoopbackHost(address ?? url.hostname);
}

/** The host of a URL at which this machine reaches a listener on `host`. */
export function onThisMachine(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

/** Host and port of `10.0.0.5:4445` or `[fd00::5]:4445`; undefined for other text. */
export function listenAddress(text: string): { readonly host: string; readonly port: number } | undefined {
  const { host = "", port = "" } = /^(?<host>\[[^\]]+\]|[^:]+):(?<port>\d{1,5})$/.exec(text)?.groups ?? {};
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  const named = isIP(bare) !== 0 || isLoopbackHost(bare);
  return named && Number(port) <= 65_535 ? { host: bare, port: Number(port) } : undefined;
}
