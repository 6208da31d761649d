import { Places } from "../../auth/index.ts";
import type { Config } from "../config/index.ts";
import { AdminServer, type RelayView } from "../http/index.ts";
import { bindFailed } from "./bind-failed.ts";
import type { Defects } from "./defects.ts";
import type { AuthGate } from "./gate.ts";
import { RevokeRoute } from "./revoke.ts";

/** Most connections to the admin listener: probes, a scraper, and an operator. */
const MAX_CONNECTIONS = 64;

export interface AdminPortDeps {
  readonly config: Config["http"];
  readonly view: RelayView;
  readonly gate: AuthGate;
  readonly defects: Defects;
  readonly warn: (message: string, error?: unknown) => void;
}

/** Opens the admin listener. Rejects with a `TransportError` that names the socket, or the file of the secret. */
export async function openAdminPort({ config, view, gate, defects, warn }: AdminPortDeps): Promise<AdminServer> {
  const { adminHost: host, adminPort: port, adminTokenFile: secretFile } = config;
  const revocation = await RevokeRoute.open({ gate, secretFile, warn });
  try {
    return await AdminServer.listen({
      host,
      port,
      view,
      places: new Places(MAX_CONNECTIONS),
      warn,
      failed: (error) => defects.report("in a request at the admin listener", error),
      revocation,
    });
  } catch (error) {
    throw bindFailed("the admin listener's TCP", host, port, error);
  }
}
