import { networkInterfaces } from "node:os";
import type { Config } from "../relay/config/index.ts";
import type { Relay } from "../relay/main.ts";
import { list } from "./help.ts";
import { type Io, styles } from "./io.ts";

/** The facts that the banner shows of a relay. */
export type BannerFacts = Pick<Relay, "address" | "adminAddress" | "engine" | "fingerprint" | "hasPage" | "version">;

/** The text that a person at a terminal sees when a relay has started: addresses, and what to do next. */
export function banner(relay: BannerFacts, config: Config, io: Io): string {
  const { bold, dim } = styles(io.out, io.env);
  const { address, port } = relay.address;
  const hosts = reachableHosts(address);
  // Clients trust a self-signed certificate by its fingerprint, which they fetch when the scheme is http.
  const scheme = relay.fingerprint === undefined ? "https" : "http";
  const entries: [string, string][] = [
    ...hosts.map((host, index): [string, string] => [index === 0 ? "Relay" : "", `${scheme}://${host}:${port}/`]),
    ["Engine", `${relay.engine}; WebSocket ${config.server.websocket ? "on the same port (TCP)" : "off"}`],
    ...(relay.fingerprint === undefined ? [] : [["Fingerprint", relay.fingerprint] as [string, string]]),
    ...meshEntries(config.cluster),
    ...adminEntry(relay),
  ];
  const first = `${scheme}://${hosts[0] ?? "localhost"}:${port}/`;
  const tokens = takesTokens(config);
  const next = [
    relay.hasPage ? `Open ${first} in a browser to publish and watch.` : `Point a MoQ publisher or player at ${first}`,
    ...(tokens ? ["Clients need a token (URL?jwt=TOKEN): see moqmesh token --help."] : []),
    `List what is live: npx moqmesh ls ${tokens ? "--token FILE " : ""}${first}`,
  ];
  return [
    "",
    bold(`moqmesh ${relay.version} is running`),
    "",
    ...list(entries, io.out.columns),
    "",
    ...next,
    dim("Ctrl-C stops the relay gracefully; a second Ctrl-C stops it at once."),
    "",
    "",
  ].join("\n");
}

/** True when clients need a token. */
function takesTokens({ auth }: Config): boolean {
  const { key, keyDir, keyUrl, api, publicPublish, publicSubscribe } = auth;
  return (key ?? keyDir ?? keyUrl ?? api) !== undefined && publicPublish.length + publicSubscribe.length === 0;
}

/** The relay's name, role and region in its mesh, and its roots. */
function meshEntries({ node, role, region, root, serveRoot }: Config["cluster"]): [string, string][] {
  if (node === undefined) return [];
  const what = serveRoot && role !== "root" ? `${role} and root` : role;
  const [first = "none; this relay asks the relays in peers and dns", ...others] = root;
  const roots = role === "root" && root.length === 0 ? "itself" : first;
  return [
    ["Mesh", `${node}: ${what} in region ${region}`],
    ["Root", roots],
    ...others.map((url): [string, string] => ["", url]),
  ];
}

function adminEntry(relay: BannerFacts): [string, string][] {
  const admin = relay.adminAddress;
  if (admin === undefined) return [];
  const host = reachableHosts(admin.address)[0] ?? bracketed(admin.address);
  return [["Operate", `http://${host}:${admin.port}/ui/, /health and /metrics`]];
}

/**
 * Hosts at which a listener bound to `address` answers, those of this machine first. `localhost` is included only when both families are
 * bound: browsers try `::1` first, and WebTransport does not try the next address.
 */
export function reachableHosts(address: string): string[] {
  if (address !== "::" && address !== "0.0.0.0") return [bracketed(address)];
  const outside = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ internal, family }) => !internal && family === "IPv4")
    .map((entry) => entry.address);
  return [address === "::" ? "localhost" : "127.0.0.1", ...outside];
}

function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}
