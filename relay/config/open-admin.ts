import type { authSection } from "./auth.ts";
import type { httpSection } from "./http.ts";
import { isLoopbackHost } from "./loopback.ts";
import type { Origin, Problem } from "./problem.ts";
import type { ProgramValues } from "./section.ts";

interface Access {
  readonly http: ProgramValues<typeof httpSection>;
  readonly auth: ProgramValues<typeof authSection>;
}

/** An admin listener that other machines reach and at which no credential of the operator is accepted. */
export function openAdmin({ http, auth }: Access, origins: ReadonlyMap<string, Origin>): Problem | undefined {
  const credentials = [
    http.adminToken,
    http.adminTokenFile,
    http.adminReadToken,
    http.adminReadTokenFile,
    http.adminClientCa,
    auth.key,
    auth.keyFile,
    auth.keyDir,
    auth.keyUrl,
  ];
  if (!http.admin || isLoopbackHost(http.adminHost) || credentials.some((one) => one !== undefined)) return undefined;
  const key = "http.admin_host";
  return {
    code: "conflict",
    key,
    message: "other machines reach the admin listener, and nothing says who may use it",
    hint: "set `admin_token_file` to a file with a secret, `admin_client_ca` for certificates, or `[auth]` keys for tokens with the claim `admin`",
    origin: origins.get(key) ?? { kind: "default" },
  };
}
