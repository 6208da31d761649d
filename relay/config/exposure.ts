/** Warnings about what a configuration opens to everyone: at every start, and in `check --production`. */
import type { Config, LoadedConfig, Problem } from "./config.ts";
import { isLoopbackHost } from "./loopback.ts";
import { usedDeveloperTools } from "./rules.ts";

/** Public access to everything on an address that other machines reach: a sentence for watching, one for publishing. */
export function exposures({ auth, server }: Config): string[] {
  if (isLoopbackHost(server.host)) return [];
  return [
    ...(coversAll(auth.publicSubscribe)
      ? ["every client may watch everything: [auth] public_subscribe covers all paths"]
      : []),
    ...(coversAll(auth.publicPublish)
      ? ["every client may publish everything: [auth] public_publish covers all paths"]
      : []),
  ];
}

/** A warning about a role that has no effect, for `check` and for every start. */
export function idleRole({ cluster }: Config): string | undefined {
  const { node, role } = cluster;
  if (node !== undefined || role === "origin") return undefined;
  return `[cluster] node is not set: this relay is in no mesh, and its role (${role}) has no effect`;
}

/** Settings that a relay in production must not have. */
export function productionProblems({ config, origins }: LoadedConfig): Problem[] {
  const { auth, server, tls } = config;
  const problem = (key: string, message: string): Problem => ({
    code: "not_for_production",
    key,
    message,
    origin: origins.get(key) ?? { kind: "default" },
  });
  const tokens = [auth.key, auth.keyFile, auth.keyDir, auth.keyUrl, auth.api].some((one) => one !== undefined);
  const open = auth.publicSubscribe.length + auth.publicPublish.length > 0;
  return [
    ...(coversAll(auth.publicSubscribe) ? [problem("auth.public_subscribe", "every client may watch everything")] : []),
    ...(coversAll(auth.publicPublish) ? [problem("auth.public_publish", "every client may publish everything")] : []),
    ...(tokens || open
      ? []
      : [problem("auth.key", "without keys and public prefixes the relay serves only its own machine")]),
    ...(tokens && auth.maxLifeMs === 0
      ? [problem("auth.max_life", "a stolen token without an end works for ever: set `max_life`, such as 1d")]
      : []),
    ...(tls.cert === undefined
      ? [
          problem(
            "tls.cert",
            "clients do not trust a self-signed certificate: set `cert` and `key` to one of a public authority",
          ),
        ]
      : []),
    ...(server.plaintext === true && !isLoopbackHost(server.host)
      ? [problem("server.plaintext", "tokens travel without encryption over `http:` and `ws:`")]
      : []),
    ...usedDeveloperTools(config).map(({ key, what }) => problem(key, `${what} is for developers`)),
  ];
}

function coversAll(prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => /^\/*$/.test(prefix));
}
