/** TCP connections that a proxy passes on: PROXY protocol, `X-Forwarded-For` and `Forwarded`. */
export { FORWARDED_FIELDS } from "./forwarded.ts";
export { localHeader } from "./header.ts";
export { PROXY_PROTOCOLS, PROXY_REFUSALS, Proxies, type ProxyRefusal } from "./proxies.ts";
