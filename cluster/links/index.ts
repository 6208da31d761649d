export { Discovery } from "./discovery.ts";
export { type DnsEntry, dnsEntries, type Resolver } from "./dns.ts";
export { type ExternalRelayEvents, ExternalRelays } from "./external-relays.ts";
export { SUSPICION_METRICS } from "./metrics.ts";
export { PeerLinks } from "./peer-links.ts";
export { staticPeers } from "./static.ts";
