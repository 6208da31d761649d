/** What the configuration names on the network: whether its names resolve and its services answer. For `check --network`. */

import { lookup } from "node:dns/promises";
import { connect as connectTcp, isIP } from "node:net";
import { tls as nodeTls } from "../../transport/shared/index.ts";
import { describeTcpFailure } from "../../transport/tls/index.ts";
import { type Config, redisAddress } from "../config/index.ts";
import type { FindingList } from "./findings.ts";

/** Milliseconds for a name server, and for a connection. */
const NETWORK_MS = 5_000;

/** The network, which tests replace. Both reject with the system's error. */
export interface Network {
  resolve(host: string): Promise<unknown>;
  /** Opens and closes a connection; with TLS the certificate must be valid for the host. */
  reach(host: string, port: number, tls: boolean): Promise<void>;
}

/** A host that a key names. `port`: the relay makes connections over TCP there, which are tried. */
interface Named {
  readonly key: string;
  readonly host: string;
  readonly port?: number;
  readonly tls?: boolean;
}

export async function inspectNetwork(
  found: FindingList,
  config: Config,
  network: Network = systemNetwork,
): Promise<void> {
  await Promise.all(
    named(config).map(async ({ key, host, port, tls = false }) => {
      try {
        if (isIP(host) === 0) await network.resolve(host);
      } catch (error) {
        found.warn(
          "name_unresolved",
          key,
          `${host} cannot be resolved: ${describeTcpFailure(error)}`,
          "correct the name, or the name server",
        );
        return;
      }
      if (port === undefined) return;
      try {
        await network.reach(host, port, tls);
      } catch (error) {
        const message = `${host}:${port} cannot be reached: ${describeTcpFailure(error)}`;
        found.warn("service_unreachable", key, message, "start the service, or correct the address");
      }
    }),
  );
}

function named({ cluster, auth, webhooks }: Config): Named[] {
  const hosts: Named[] = [];
  const add = (key: string, text: string | undefined, reach: boolean) => {
    const url = text === undefined ? null : URL.parse(text);
    const host = url?.hostname.replace(/^\[|\]$/g, "") ?? "";
    // Names with SRV records have no address of their own.
    if (url === null || host === "" || host.startsWith("_")) return;
    const tls = url.protocol !== "http:" && url.protocol !== "ws:";
    hosts.push({ key, host, ...(reach && { port: Number(url.port) || (tls ? 443 : 80), tls }) });
  };
  add("auth.key_url", auth.keyUrl, true);
  add("auth.api", auth.api, true);
  for (const url of webhooks.urls) add("webhooks.urls", url, true);
  add("cluster.url", cluster.url, false);
  add("cluster.public_url", cluster.publicUrl, false);
  for (const key of ["root", "peers", "dns", "connect"] as const) {
    for (const one of cluster[key]) add(`cluster.${key}`, one.split(" ").at(-1), false);
  }
  const redis = cluster.registry === undefined ? undefined : redisAddress(cluster.registry);
  if (redis !== undefined) {
    const { host, port } = redis;
    hosts.push({ key: "cluster.registry", host, port });
  }
  return hosts;
}

const systemNetwork: Network = {
  resolve: (host) => lookup(host),
  reach: async (host, port, tls) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const socket = tls ? nodeTls.connect({ host, port, ...servername }) : connectTcp({ host, port });
    socket.setTimeout(NETWORK_MS, () => reject(new Error(`no answer within ${NETWORK_MS / 1_000} s`)));
    socket.once(tls ? "secureConnect" : "connect", () => resolve());
    socket.once("error", reject);
    await promise.finally(() => socket.destroy());
  },
};
