/** What a configuration opens to everybody, for the warning at every start and for `check --production`. */
import type { Config, LoadedConfig, Problem } from "./config.ts";

const LOOPBACK_HOSTS = ["127.0.0.1", "::1", "localhost"];

/** Public access to everything, on an address that others can reach: one sentence for each way. */
export function exposures({ auth, server }: Config): string[] {
  if (LOOPBACK_HOSTS.includes(server.host)) return [];
  return [
    ...(coversAll(auth.publicSubscribe)
      ? ["everybody may watch everything: [auth] public_subscribe covers all paths"]
      : []),
    ...(coversAll(auth.publicPublish)
      ? ["everybody may publish everything: [auth] public_publish covers all paths"]
      : []),
  ];
}

/** A role that does nothing, for the warning of `check` and at every start. */
export function idleRole({ cluster }: Config): string | undefined {
  const { node, role } = cluster;
  if (node !== undefined || role === "origin") return undefined;
  return `without [cluster] node this relay is in no mesh, and its role (${role}) means nothing`;
}

/** What a relay that others rely on must not have. */
export function productionProblems({ config, origins }: LoadedConfig): Problem[] {
  const { auth, tls, http } = config;
  const problem = (key: string, message: string): Problem => ({
    code: "conflict",
    key,
    message,
    origin: origins.get(key) ?? { kind: "default" },
  });
  const tokens = [auth.key, auth.keyDir, auth.keyUrl, auth.api].some((one) => one !== undefined);
  const open = auth.publicSubscribe.length + auth.publicPublish.length > 0;
  return [
    ...(coversAll(auth.publicSubscribe) ? [problem("auth.public_subscribe", "everybody may watch everything")] : []),
    ...(coversAll(auth.publicPublish) ? [problem("auth.public_publish", "everybody may publish everything")] : []),
    ...(tokens || open
      ? []
      : [problem("auth.key", "no keys and no public prefixes: only this machine itself is served")]),
    ...(tls.cert === undefined
      ? [
          problem(
            "tls.cert",
            "clients do not trust a self-signed certificate: name one of a public authority in `cert` and `key`",
          ),
        ]
      : []),
    ...(http.admin && !LOOPBACK_HOSTS.includes(http.adminHost)
      ? [problem("http.admin_host", "the admin listener has no authentication, and is reachable from elsewhere")]
      : []),
  ];
}

function coversAll(prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => /^\/*$/.test(prefix));
}
