import { Places } from "../../auth/index.ts";
import { zeroes } from "../../moq/metrics.ts";
import type { ServerTls } from "../../transport/tls/index.ts";
import type { Config } from "../config/index.ts";
import { bindFailed, type Defects, type Prepared } from "../host/index.ts";
import {
  type AdminServer,
  API_METRICS,
  Audit,
  type Clients,
  DASHBOARD_HEADERS,
  isLoopbackHost,
  listenAdmin,
  type Page,
  REFUSALS,
  readPage,
} from "../http/index.ts";
import type { Logger } from "../log/index.ts";
import { AdminAuthority, type AdminCredentials } from "./authority.ts";
import { HeapSnapshots } from "./heap-snapshots.ts";
import { type AdminParts, operations } from "./operations.ts";
import { RequestRate } from "./request-rate.ts";

/** Most connections to the admin listener: probes, a scraper, and the pages of some operators. */
const MAX_CONNECTIONS = 256;

export interface AdminDeps extends Omit<AdminParts, "snapshots"> {
  readonly config: Config;
  /** Absent: the listener has no TLS. */
  readonly tls: ServerTls | undefined;
  readonly proxies: Clients;
  readonly defects: Defects;
  readonly log: Logger;
  readonly warn: (message: string, error?: unknown) => void;
  /** Folder of the dashboard's files. */
  readonly dashboardFolder: string;
}

/** An admin listener that runs. */
export interface OpenedAdmin {
  readonly server: AdminServer;
  /** Reads the secrets that live keys of `[http]` name, without using them yet. Rejects naming a file that cannot be used. */
  prepare(http: Config["http"]): Promise<Prepared>;
}

/** Opens the admin listener. Rejects with a `TransportError` that names the socket, or the file of a secret. */
export async function openAdmin(deps: AdminDeps): Promise<OpenedAdmin> {
  const { config, tls, view, gate, clock, wallNow, defects, log, warn } = deps;
  const { adminHost: host, adminPort: port, adminRate, adminBurst } = config.http;
  let origins: readonly string[] = config.http.adminOrigins;
  const newRate = () => new RequestRate(adminRate, adminBurst, () => clock.now());
  const rate = newRate();
  const scrapes = newRate();
  const authority = await AdminAuthority.open({
    gate,
    warn,
    ...credentialsOf(config.http),
    stateDir: config.tls.stateDir,
  });
  const counts = { requests: 0, actions: 0, refused: zeroes(REFUSALS) };
  view.counters.attach(API_METRICS, () => counts);
  const audit = new Audit({
    wallNow,
    log: (entry) =>
      log.info({ ...entry, audit: true }, `admin request ${entry.code === undefined ? "carried out" : "failed"}`),
  });
  const api = {
    operations: operations({ ...deps, snapshots: new HeapSnapshots(config.http.snapshotDir, wallNow) }, audit),
    version: view.version,
    authority,
    audit,
    rate,
    scrapes,
    clients: deps.proxies,
    openToRead: isLoopbackHost(host),
    origins: () => origins,
    refused: (reason: (typeof REFUSALS)[number]) => void counts.refused[reason]++,
    counted: (acts: boolean) => {
      counts.requests += 1;
      if (acts) counts.actions += 1;
    },
    failed: (error: unknown) => defects.report("in a request at the admin listener", error),
  };
  const dashboard = config.http.ui ? await readDashboard(deps.dashboardFolder, warn) : undefined;
  try {
    const server = await listenAdmin({
      host,
      port,
      view,
      api,
      dashboard,
      ...(tls && { tls }),
      places: new Places(MAX_CONNECTIONS),
      proxied: config.loadBalancer.adminProxyProtocol,
      warn,
    });
    const prepare = async (next: Config["http"]): Promise<Prepared> => {
      const use = await authority.prepare(credentialsOf(next));
      const commit = () => {
        use();
        origins = next.adminOrigins;
        for (const one of [rate, scrapes]) one.set(next.adminRate, next.adminBurst);
        return false;
      };
      return { commit, discard: () => {} };
    };
    return { server, prepare };
  } catch (error) {
    throw bindFailed("the admin listener's TCP", host, port, error);
  }
}

function credentialsOf(http: Config["http"]): AdminCredentials {
  const { adminToken, adminTokenFile, adminReadToken, adminReadTokenFile, adminClientRight } = http;
  return {
    write: { secret: adminToken, file: adminTokenFile },
    read: { secret: adminReadToken, file: adminReadTokenFile },
    certificateRight: adminClientRight,
  };
}

/** A relay whose dashboard has not been built starts without it and logs that. */
async function readDashboard(folder: string, warn: AdminDeps["warn"]): Promise<Page | undefined> {
  try {
    return await readPage(folder, DASHBOARD_HEADERS);
  } catch (error) {
    warn("the dashboard is not served, because it cannot be read; `npm run build` makes it", error);
    return undefined;
  }
}
