import { Places } from "../../auth/index.ts";
import { type Config, isLoopbackHost, listenAddress } from "../config/index.ts";
import { type Listeners, openListeners } from "./listeners.ts";
import { linkLimits } from "./options.ts";
import type { PublicPortDeps } from "./public-port.ts";

/** Most TCP connections that are not (yet) sessions of relays. */
const MAX_HTTP_CONNECTIONS = 256;

type ClusterPortDeps = Omit<PublicPortDeps, "fingerprint" | "page" | "health" | "proxies">;

/** Opens the listener of relays, UDP and TCP, if there is one. Rejects with a `TransportError` that names the socket. */
export async function openClusterPort(deps: ClusterPortDeps): Promise<Listeners | undefined> {
  const { config, engine, websocket, protocols, tls, handshakes, descriptors, host, defects } = deps;
  const address = clusterAddress(config);
  if (address === undefined) return undefined;
  return await openListeners({
    ...address,
    engine,
    protocols,
    limits: linkLimits(config),
    tls,
    plaintext: isLoopbackHost(address.host),
    onRequest: (request) => host.accept(request, "cluster"),
    qmux: websocket,
    http: {
      fingerprint: () => undefined,
      failed: (error) => defects.report("in a request at the cluster listener", error),
      places: new Places(MAX_HTTP_CONNECTIONS),
      take: handshakes.takeTcp,
      descriptors,
      headerTimeoutMs: config.limits.handshakeTimeoutMs,
    },
  });
}

function clusterAddress({ cluster }: Config): { host: string; port: number } | undefined {
  return cluster.listen === undefined ? undefined : listenAddress(cluster.listen);
}
