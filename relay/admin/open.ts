import { Places } from "../../auth/index.ts";
import { zeroes } from "../../moq/metrics.ts";
import type { ServerTls } from "../../transport/tls/index.ts";
import type { Config } from "../config/index.ts";
import { bindFailed, type Defects } from "../host/index.ts";
import {
  AdminServer,
  API_METRICS,
  Audit,
  DASHBOARD_HEADERS,
  isLoopbackHost,
  type Page,
  REFUSALS,
  readPage,
} from "../http/index.ts";
import type { Logger } from "../log/index.ts";
import { AdminAuthority } from "./authority.ts";
import { HeapSnapshots } from "./heap-snapshots.ts";
import { type AdminParts, operations } from "./operations.ts";
import { RequestRate } from "./request-rate.ts";

/** Most connections to the admin listener: probes, a scraper, and the pages of some operators. */
const MAX_CONNECTIONS = 256;

export interface AdminDeps extends Omit<AdminParts, "snapshots"> {
  readonly config: Config;
  /** Absent: the listener has no TLS. */
  readonly tls: ServerTls | undefined;
  readonly defects: Defects;
  readonly log: Logger;
  readonly warn: (message: string, error?: unknown) => void;
  /** Folder of the dashboard's files. */
  readonly dashboardFolder: string;
}

/** Opens the admin listener. Rejects with a `TransportError` that names the socket, or the file of a secret. */
export async function openAdmin(deps: AdminDeps): Promise<AdminServer> {
  const { config, tls, view, gate, clock, wallNow, defects, log, warn } = deps;
  const { adminHost: host, adminPort: port, adminOrigins: origins, adminRate, adminBurst } = config.http;
  const authority = await AdminAuthority.open({
    gate,
    warn,
    write: { secret: config.http.adminToken, file: config.http.adminTokenFile },
    read: { secret: config.http.adminReadToken, file: config.http.adminReadTokenFile },
    certificateRight: config.http.adminClientRight,
    stateDir: config.tls.stateDir,
  });
  const counts = { requests: 0, actions: 0, refused: zeroes(REFUSALS) };
  view.counters.attach(API_METRICS, () => counts);
  const audit = new Audit({ wallNow, log: (entry) => log.info({ ...entry, audit: true }, "operator acted") });
  const api = {
    operations: operations({ ...deps, snapshots: new HeapSnapshots(config.http.snapshotDir, wallNow) }, audit),
    version: view.version,
    authority,
    audit,
    rate: new RequestRate(adminRate, adminBurst, () => clock.now()),
    openToRead: isLoopbackHost(host),
    origins,
    refused: (reason: (typeof REFUSALS)[number]) => void counts.refused[reason]++,
    counted: (acts: boolean) => {
      counts.requests += 1;
      if (acts) counts.actions += 1;
    },
    failed: (error: unknown) => defects.report("in a request at the admin listener", error),
  };
  const dashboard = config.http.ui ? await readDashboard(deps.dashboardFolder, warn) : undefined;
  try {
    return await AdminServer.listen({
      host,
      port,
      view,
      api,
      dashboard,
      ...(tls && { tls }),
      places: new Places(MAX_CONNECTIONS),
      warn,
    });
  } catch (error) {
    throw bindFailed("the admin listener's TCP", host, port, error);
  }
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
