import { isLoopback, Networks } from "../../auth/index.ts";
import type { Clock } from "../../moq/clock.ts";
import type { Counters } from "../../moq/counters.ts";
import { counter, metricGroup, zeroes } from "../../moq/metrics.ts";
import { localHeader, PROXY_REFUSALS, Proxies, type ProxyRefusal } from "../../transport/proxied/index.ts";
import type { Config } from "../config/index.ts";

export const PROXY_METRICS = metricGroup("Proxies of TCP", {
  passed: counter(
    "proxy_connections_total",
    "TCP connections of trusted proxies that began with a header of the PROXY protocol.",
  ),
  refused: counter(
    "proxy_connections_refused_total",
    "TCP connections that the relay closed because of the PROXY protocol.",
    { reason: PROXY_REFUSALS },
  ),
});

const SENTENCES: Readonly<Record<ProxyRefusal, string>> = {
  missing:
    "a trusted proxy sent no PROXY header; the connection is closed: let it send one, or set [load_balancer] proxy_protocol to off",
  malformed: "a trusted proxy sent a PROXY header that cannot be read; the connection is closed",
  late: "a trusted proxy sent no whole PROXY header in time; the connection is closed: probes without one belong to [http] health_port",
  not_a_proxy:
    "[load_balancer] proxy_protocol requires a trusted proxy, and the connection comes from elsewhere; it is closed",
  untrusted:
    "a client sent a PROXY header, and its address is not in [load_balancer] trusted_proxies; the connection is closed",
};

export interface ProxiesDeps {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: { warn(fields: object, text: string): void };
}

/** The proxies of a configuration. */
export function openProxies({ loadBalancer }: Pick<Config, "loadBalancer">, deps: ProxiesDeps): Proxies {
  const { trustedProxies, proxyProtocol, forwarded } = loadBalancer;
  const trusted = new Networks(trustedProxies);
  const counts = { passed: 0, refused: zeroes(PROXY_REFUSALS) };
  deps.counters.attach(PROXY_METRICS, () => counts);
  return new Proxies({
    protocol: proxyProtocol,
    field: forwarded === "off" ? undefined : forwarded,
    trusts: (address) => trusted.has(address),
    isLoopback,
    clock: deps.clock,
    passed: () => {
      counts.passed += 1;
    },
    refused: (reason, address) => {
      counts.refused[reason] += 1;
      deps.log.warn({ reason, address }, SENTENCES[reason]);
    },
  });
}

/** What the relay's own connections to its port begin with, where its own address is that of a trusted proxy. */
export function preambleOf(proxies: Proxies): (host: string) => Uint8Array | undefined {
  return (host) => (proxies.expects(host) ? localHeader() : undefined);
}
