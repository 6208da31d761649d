import type { Engine, EngineDeps } from "../../moq/link.ts";
import { createEngine } from "../../transport/engines.ts";
import { systemClock } from "../../transport/shared/index.ts";
import type { Config } from "../config/index.ts";
import { nativeSettings } from "./native.ts";

/** A value of the configuration that cannot be used, and why. */
export interface Fault {
  readonly key: string;
  readonly message: string;
}

/** What a relay gives up without the native engine, for the log; docs/engines.md has the table. */
const COST =
  "up to three times the CPU, no [cluster] ca, no new certificate while it runs, 256 requests at once on a link between relays";

/**
 * The engine of a configuration. Where `auto` finds no native one, that is logged with what it costs. Rejects with
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
    const how = "docs/engines.md says how to get the native one";
    deps.warn(`this relay runs on the engine ${engine.name} (${passedOver.join("; ")}): ${COST}; ${how}`);
  }
  return engine;
}

/** What of a configuration the engine that it would run on cannot do. Rejects where there is none. */
export async function engineFault(config: Config): Promise<Fault | undefined> {
  const { node, ca, dns } = config.cluster;
  // An engine is costly to load, and every one can do the rest.
  if (node === undefined || (ca === undefined && dns.length === 0)) return undefined;
  return meshFault(await createEngine(config.server.engine, { clock: systemClock, warn: () => {} }), config.cluster);
}

/** Why the relays of the mesh that `cluster` describes cannot be dialled with this engine; nothing where they can. */
export function meshFault(engine: Engine, cluster: Config["cluster"]): Fault | undefined {
  const { ca, fingerprints, dns, url, root, peers, connect } = cluster;
  const help = "install the engine native (docs/engines.md), or use wss: URLs";
  const lost = dns.find((entry) => /^(https|moql):/.test(entry));
  if (lost !== undefined && !engine.dialsAddresses) {
    const what = `the engine ${engine.name} cannot dial the addresses of ${new URL(lost).hostname}`;
    return { key: "cluster.dns", message: `${what}: ${help}` };
  }
  const urls = [...(url === undefined ? [] : [url]), ...root, ...peers, ...connect, ...dns];
  const overTcp = urls.length > 0 && urls.every((one) => /wss?:/.test(one));
  if (ca === undefined || fingerprints.length > 0 || engine.trustsRoots || overTcp) return undefined;
  const what = `the engine ${engine.name} cannot check certificates against a file`;
  return { key: "cluster.ca", message: `${what}: ${help}, or name certificates in cluster.fingerprints` };
}
