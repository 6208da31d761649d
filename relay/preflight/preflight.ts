import { type Config, type LoadedConfig, memoryLimit } from "../config/index.ts";
import { engineFault } from "../host/index.ts";
import { readableSecrets } from "../secret-files.ts";
import { inspectAuthorities, inspectCertificates } from "./certificates.ts";
import { inspectCredentials, inspectMembership } from "./cluster.ts";
import { inspectFiles } from "./files.ts";
import { FindingList, type Findings } from "./findings.ts";
import { inspectKeys } from "./keys.ts";
import { inspectNetwork, type Network } from "./network.ts";
import { runningRelay } from "./running.ts";
import { inspectExposure, inspectSettings } from "./settings.ts";
import { inspectPorts, inspectSockets } from "./sockets.ts";

export interface PreflightOptions {
  /** The relay of this configuration runs: it has its engine and its ports. */
  readonly running?: boolean;
  /** Milliseconds since 1970. */
  readonly wallNow?: () => number;
  /** PEM file of authorities that clients of this relay trust besides the public ones. */
  readonly authorities?: string | undefined;
}

/**
 * Loads every file that a relay loads at its start, as the relay does, and finds every problem that would keep it from starting, and what is
 * unwise about these files. A start, a reload and `check` use it.
 */
export async function preflight(loaded: LoadedConfig, options: PreflightOptions = {}): Promise<Findings> {
  const found = new FindingList(loaded);
  await inspectLoaded(found, loaded, options);
  return found.sorted;
}

export interface InspectionOptions extends PreflightOptions {
  /** Bytes that the process may use. */
  readonly memory?: () => number;
  /** Whether a relay answers at the addresses of this configuration; asked where a port is in use; default: asks there. */
  readonly answers?: () => Promise<boolean>;
  /** Look up names and open connections. */
  readonly network?: Network | boolean;
}

/** As {@link preflight}, and what only `check` says: ports that cannot be bound, settings that contradict each other, the network. */
export async function inspect(loaded: LoadedConfig, options: InspectionOptions = {}): Promise<Findings> {
  const { config } = loaded;
  const { running = false, memory = memoryLimit, network = false, wallNow = Date.now } = options;
  const { answers = async () => (await runningRelay(config)) !== undefined } = options;
  const found = new FindingList(loaded);
  const credentials = await inspectLoaded(found, loaded, options);
  inspectSettings(found, config, { memory });
  if (credentials !== undefined) await inspectMembership(found, config, credentials, wallNow);
  if (!running) await inspectSockets(found, config, answers);
  if (network !== false) await inspectNetwork(found, config, network === true ? undefined : network);
  return found.sorted;
}

async function inspectLoaded(found: FindingList, loaded: LoadedConfig, options: PreflightOptions) {
  const { config } = loaded;
  const { running = false, wallNow = Date.now, authorities } = options;
  const { tls, cluster, http } = config;
  const clients = [
    ["tls.client_ca", tls.clientCa],
    ["cluster.client_ca", cluster.clientCa],
    ["http.admin_client_ca", http.adminClientCa],
  ] as const;
  const [credentials] = await Promise.all([
    inspectCredentials(found, config, wallNow),
    inspectCertificates(found, config, { wallNow, authorities }),
    inspectAuthorities(found, clients, wallNow),
    inspectKeys(found, config, wallNow),
    inspectFiles(found, config),
    running ? undefined : inspectEngine(found, config),
  ]);
  found.addLogged(await readableSecrets(loaded));
  inspectExposure(found, config);
  inspectPorts(found, config);
  return credentials;
}

async function inspectEngine(found: FindingList, config: Config): Promise<void> {
  const load = async () => {
    const fault = await engineFault(config);
    if (fault !== undefined) found.problem("engine_lacks", fault.key, fault.message);
  };
  await found.load(load, "engine_unavailable", [["server.engine", undefined]]);
}
