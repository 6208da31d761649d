/** Warnings about what a configuration opens to everyone: at every start, and in `check --production`. */
import type { Config, LoadedConfig, Problem } from "./config.ts";
import { isLoopbackHost } from "./loopback.ts";
import { publicPrefixes } from "./public-paths.ts";
import { usedDeveloperTools } from "./rules.ts";

/** Public access to everything on an address that other machines reach: a sentence for watching, one for publishing. */
export function exposures(config: Config): string[] {
  if (isLoopbackHost(config.server.host)) return [];
  const where = "[auth] or a policy makes all paths public";
  return [
    ...(coversAll(config, "publicSubscribe") ? [`every client may watch everything: ${where}`] : []),
    ...(coversAll(config, "publicPublish") ? [`every client may publish everything: ${where}`] : []),
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
  const open =
    publicPrefixes(config, "publicSubscribe").open.length + publicPrefixes(config, "publicPublish").open.length > 0;
  return [
    ...(coversAll(config, "publicSubscribe")
      ? [problem("auth.public_subscribe", "every client may watch everything")]
      : []),
    ...(coversAll(config, "publicPublish")
      ? [problem("auth.public_publish", "every client may publish everything")]
      : []),
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
    ...(config.loadBalancer.trustedProxies.some((network) => network.endsWith("/0"))
      ? [problem("load_balancer.trusted_proxies", "every client may claim any address: name the proxies alone")]
      : []),
    ...usedDeveloperTools(config).map(({ key, what }) => problem(key, `${what} is for developers`)),
  ];
}

/** Clients without a token may use every path, but for exceptions. */
function coversAll(config: Config, what: Parameters<typeof publicPrefixes>[1]): boolean {
  return publicPrefixes(config, what).open.includes("");
}
