import type { Engine, EngineDeps } from "../../moq/link.ts";
import { createEngine } from "../../transport/engines.ts";
import { systemClock } from "../../transport/shared/index.ts";
import type { Config } from "../config/index.ts";
import { nativeSettings } from "./native.ts";

/** A configuration value that cannot be used, and why. */
export interface Fault {
  readonly key: string;
  readonly message: string;
}

/** The cost of running without the native engine, for the log; docs/engines.md has the table. */
const COST =
  "up to three times the CPU, no [cluster] ca, no new certificate while it runs, 256 requests at once on a link between relays";

/**
 * Loads the engine of a configuration. When `auto` finds no native engine, the log says so and names the cost. Rejects with
 * {@link TransportError}.
 */
export async function openEngine(config: Config, deps: EngineDeps): Promise<Engine> {
  const passedOver: string[] = [];
  const engine = await createEngine(config.server.engine, {
    ...deps,
    native: await nativeSettings(config, deps.warn),
    passedOver: (_name, why) => passedOver.push(why),
  });
  if (passedOver.length > 0) {
    const how = "docs/engines.md explains how to install the native one";
    deps.warn(`this relay runs on the engine ${engine.name} (${passedOver.join("; ")}): ${COST}; ${how}`);
  }
  return engine;
}

/** The first configuration value that the chosen engine does not support. Rejects when there is no engine. */
export async function engineFault(config: Config): Promise<Fault | undefined> {
  const { node, ca, dns, clientCa, clientCert } = config.cluster;
  const routed = routedKey(config);
  const dials = node !== undefined && (ca !== undefined || clientCert !== undefined || dns.length > 0);
  // Loading an engine is expensive, and every engine supports all other values.
  if (!dials && clientCa === undefined && config.tls.clientCa === undefined && routed === undefined) return undefined;
  const engine = await createEngine(config.server.engine, { clock: systemClock, warn: () => {} });
  engine.close?.();
  if (routed !== undefined && engine.routable !== true) {
    const message = `the engine ${engine.name} has no connection ids and addresses of its own choice: install the native engine (docs/engines.md)`;
    return { key: routed, message };
  }
  return certificateFault(engine, config) ?? (node === undefined ? undefined : meshFault(engine, config.cluster));
}

/** The first setting that only an engine can keep whose connection ids and addresses the relay chooses. */
function routedKey({ loadBalancer }: Config): string | undefined {
  if (loadBalancer.serverId !== undefined) return "load_balancer.server_id";
  return loadBalancer.preferredAddress.length > 0 ? "load_balancer.preferred_address" : undefined;
}

/** The first setting of client certificates that this engine cannot keep; undefined when it can keep all. */
export function certificateFault(engine: Engine, { tls, cluster }: Pick<Config, "tls" | "cluster">): Fault | undefined {
  if (engine.clientCertificates) return undefined;
  const asked = [
    ["tls.client_ca", tls.clientCa],
    ["cluster.client_ca", cluster.clientCa],
  ] as const;
  const key = asked.find(([, file]) => file !== undefined)?.[0];
  const help = "install the native engine (docs/engines.md)";
  return key && { key, message: `the engine ${engine.name} cannot ask clients for a certificate: ${help}` };
}

/** Why this engine cannot dial the relays of the mesh; undefined when it can. */
export function meshFault(engine: Engine, cluster: Config["cluster"]): Fault | undefined {
  const { ca, fingerprints, dns, url, root, peers, connect, clientCert } = cluster;
  const help = "install the native engine (docs/engines.md), or use wss: URLs";
  const lost = dns.find((entry) => /^(https|moql):/.test(entry));
  if (lost !== undefined && !engine.dialsAddresses) {
    const what = `the engine ${engine.name} cannot dial the IP addresses of ${new URL(lost).hostname}`;
    return { key: "cluster.dns", message: `${what}: ${help}` };
  }
  const urls = [...(url === undefined ? [] : [url]), ...root, ...peers, ...connect, ...dns];
  const overTcp = urls.length > 0 && urls.every((one) => /wss?:/.test(one));
  if (clientCert !== undefined && !engine.clientCertificates && !overTcp) {
    return { key: "cluster.client_cert", message: `the engine ${engine.name} cannot show a certificate: ${help}` };
  }
  if (ca === undefined || fingerprints.length > 0 || engine.trustsRoots || overTcp) return undefined;
  const what = `the engine ${engine.name} cannot verify certificates with a CA file`;
  return { key: "cluster.ca", message: `${what}: ${help}, or list certificates in cluster.fingerprints` };
}
