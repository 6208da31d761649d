/** Settings that are valid, and that do not do what an operator expects of them. */
import { type Config, exposures, formatBytes, idleRole, isLoopbackHost, memoryLimit } from "../config/index.ts";
import type { FindingList } from "./findings.ts";
import { plannedListeners } from "./sockets.ts";

/** Part of `[limits] memory` from which on the relay sheds its cache. */
const CACHE_SHARE = 0.8;

/** What an inspection of settings knows besides them. */
export interface Machine {
  /** Bytes that the process may use. */
  readonly memory: () => number;
}

/** `check` and every start: these the relay logs itself. */
export function inspectExposure(found: FindingList, config: Config): void {
  const idle = idleRole(config);
  if (idle !== undefined) found.warnLogged("setting_without_effect", "cluster.role", idle);
  for (const message of exposures(config)) {
    const key = message.includes("watch") ? "auth.public_subscribe" : "auth.public_publish";
    found.warnLogged("public_access", key, message);
  }
}

/** `check` alone. */
export function inspectSettings(found: FindingList, config: Config, machine: Machine = { memory: memoryLimit }): void {
  withoutEffect(found, config);
  memory(found, config, machine);
  plaintext(found, config);
  if (config.cluster.node !== undefined) mesh(found, config);
}

/** Keys that need another one. `has` is false where that is missing. */
interface Dependent {
  readonly keys: readonly string[];
  readonly has: (config: Config) => boolean;
  /** The end of a sentence: what is missing, and what to set. */
  readonly missing: string;
}

const DEPENDENTS: readonly Dependent[] = [
  {
    keys: ["auth.key_url_refresh", "auth.key_url_cooldown", "auth.key_url_keep"],
    has: ({ auth }) => auth.keyUrl !== undefined,
    missing: "`[auth] key_url` is not set",
  },
  {
    keys: ["auth.api_timeout", "auth.api_cache"],
    has: ({ auth }) => auth.api !== undefined,
    missing: "`[auth] api` is not set",
  },
  {
    keys: [
      "auth.issuers",
      "auth.audiences",
      "auth.clock_skew",
      "auth.max_life",
      "auth.on_key_removed",
      "auth.file_keep",
    ],
    has: ({ auth }) => [auth.key, auth.keyFile, auth.keyDir, auth.keyUrl].some((one) => one !== undefined),
    missing: "there are no keys that verify tokens: set `[auth] key_file`, `key_dir` or `key_url`",
  },
  {
    keys: ["tls.hosts"],
    has: ({ tls }) => tls.cert === undefined,
    missing: "they are names of a self-signed certificate, and `[tls] cert` is another one",
  },
  { keys: ["tls.client_required"], has: ({ tls }) => tls.clientCa !== undefined, missing: "`client_ca` is not set" },
  { keys: ["http.health_host"], has: ({ http }) => http.healthPort !== undefined, missing: "`health_port` is not set" },
  {
    keys: ["http.admin_client_right"],
    has: ({ http }) => http.adminClientCa !== undefined,
    missing: "`admin_client_ca` is not set",
  },
  {
    keys: [
      "http.ui",
      "http.admin_host",
      "http.admin_port",
      "http.admin_tls",
      "http.admin_token_file",
      "http.admin_read_token_file",
      "http.admin_origins",
      "http.snapshot_dir",
    ],
    has: ({ http }) => http.admin,
    missing: "there is no admin listener: `[http] admin` is false",
  },
  {
    keys: ["webhooks.events", "webhooks.secret", "webhooks.secret_file", "webhooks.timeout", "webhooks.retry_for"],
    has: ({ webhooks }) => webhooks.urls.length > 0,
    missing: "`[webhooks] urls` is empty",
  },
  {
    keys: ["health.probe_timeout", "health.failures", "health.successes"],
    has: ({ health }) => health.probeIntervalMs > 0,
    missing: '`probe_interval` is "0s", so the relay does not probe itself',
  },
  {
    keys: [
      "cluster.url",
      "cluster.public_url",
      "cluster.region",
      "cluster.token_file",
      "cluster.key_file",
      "cluster.ca",
      "cluster.listen",
    ],
    has: ({ cluster }) => cluster.node !== undefined,
    missing: "`[cluster] node` is not set, so this relay is in no mesh",
  },
  {
    keys: ["cluster.token_life"],
    has: ({ cluster }) => (cluster.keyFile ?? cluster.key) !== undefined,
    missing: "it is for tokens that the relay makes with `key_file`",
  },
  {
    keys: ["cluster.ca"],
    has: ({ cluster }) => cluster.fingerprints.length === 0,
    missing: "`fingerprints` replace the authorities",
  },
  { keys: ["cluster.dns_interval"], has: ({ cluster }) => cluster.dns.length > 0, missing: "`dns` is empty" },
  {
    keys: ["load_balancer.trusted_proxies"],
    has: ({ loadBalancer }) => loadBalancer.proxyProtocol !== "off" || loadBalancer.forwarded !== "off",
    missing: "`proxy_protocol` and `forwarded` are off, so proxies name no clients",
  },
  {
    keys: ["cloud.interval", "cloud.rebalance", "cloud.url"],
    has: ({ cloud }) => cloud.notices !== "off",
    missing: "`[cloud] notices` is off",
  },
  { keys: ["quic.ack_delay"], has: ({ quic }) => quic.ackFrequency, missing: "`ack_frequency` is false" },
  {
    keys: [
      "server.threads",
      "quic.congestion",
      "quic.socket_buffer",
      "quic.max_mtu",
      "quic.reset_key_file",
      "quic.qlog_dir",
    ],
    has: ({ server }) => server.engine === "auto" || server.engine === "native",
    missing: "only the native engine has it: set `[server] engine` to `native`",
  },
];

function withoutEffect(found: FindingList, config: Config): void {
  for (const { keys, has, missing } of DEPENDENTS) {
    if (has(config)) continue;
    for (const key of keys.filter((one) => found.isSet(one))) {
      found.warn("setting_without_effect", key, `this has no effect: ${missing}`);
    }
  }
}

function memory(found: FindingList, { limits, cache }: Config, machine: Machine): void {
  const usable = machine.memory();
  if (limits.memory > usable) {
    const message = `${formatBytes(limits.memory)} is more than the ${formatBytes(usable)} that the process may use: the system ends the relay before it sheds anything`;
    found.warn("memory_exceeds_machine", "limits.memory", message, 'use "auto"');
  }
  const limit = limits.memory === 0 ? usable : Math.min(limits.memory, usable);
  if (cache.bytes > limit * CACHE_SHARE) {
    const message = `a cache of ${formatBytes(cache.bytes)} does not fit into ${formatBytes(limit)} of memory, of which the relay uses ${CACHE_SHARE * 100} % before it sheds the cache`;
    found.warn("cache_exceeds_memory", "cache.bytes", message, 'use "auto", a quarter of the memory');
  }
}

function plaintext(found: FindingList, { server, http, webhooks }: Config): void {
  if (server.plaintext === true && !isLoopbackHost(server.host)) {
    const hint = "let only a proxy that ends TLS reach the port, or remove `plaintext`";
    found.warn("plaintext", "server.plaintext", "tokens travel without encryption over `http:` and `ws:`", hint);
  }
  if (http.admin && !http.adminTls && !isLoopbackHost(http.adminHost)) {
    const message = "other machines reach the admin listener, and its secrets travel without encryption";
    found.warn("plaintext", "http.admin_host", message, "set `admin_tls = true`");
  }
  const plain = webhooks.urls.filter(
    (url) => URL.parse(url)?.protocol === "http:" && !isLoopbackHost(new URL(url).hostname),
  );
  if (plain.length > 0) {
    const message = "events with paths and addresses of clients travel without encryption";
    found.warn("plaintext", "webhooks.urls", message, "use https: URLs");
  }
  if (webhooks.urls.length > 0 && webhooks.secret === undefined && webhooks.secretFile === undefined) {
    const message = "requests have no signature, so a receiver cannot tell that they come from this relay";
    found.warn("webhooks_unsigned", "webhooks.urls", message, "set `secret_file`");
  }
}

function mesh(found: FindingList, config: Config): void {
  const { cluster, server } = config;
  const { node, role, root, peers, dns, connect, url, publicUrl, serveRoot } = cluster;
  const knows = root.length + peers.length + dns.length + connect.length > 0;
  if (!knows && (role === "edge" || role === "regional") && !serveRoot) {
    const message = `this ${role} knows no root and no other relay, so it gets no broadcast of the mesh`;
    found.warn("mesh_without_way_in", "cluster.role", message, "set `root`, `peers` or `dns`");
  }
  if (url === undefined && (role === "origin" || role === "regional") && (root.length > 0 || serveRoot)) {
    const message = `other relays cannot dial this ${role}, so nothing that is published here reaches them`;
    found.warn("node_not_dialled", "cluster.node", message, "set `url` to an address that the other relays reach");
  }
  for (const [key, text] of [
    ["cluster.url", url],
    ["cluster.public_url", publicUrl],
  ] as const) {
    if (text !== undefined) inspectUrl(found, key, new URL(text), config);
  }
  for (const [key, names] of [
    ["cluster.root", root],
    ["cluster.peers", peers.map((one) => one.split(" ")[0] ?? "")],
  ] as const) {
    const twice = names.find((one, index) => names.indexOf(one) !== index);
    const self = names.find((one) => one === node || (url !== undefined && one === url));
    if (twice !== undefined) found.warn("relay_twice", key, `"${twice}" is named twice`, "remove one of them");
    if (self !== undefined && role !== "root" && !serveRoot) {
      found.warn("relay_twice", key, `"${self}" is this relay itself`, "remove it");
    }
  }
  const outside = cluster.listen === undefined && !isLoopbackHost(server.host);
  if (outside && cluster.clientCa === undefined && cluster.allow.length === 0) {
    const message = "a token for the mesh is enough, from any address, to announce and watch everything";
    const hint =
      "set `client_ca` for certificates between relays, or `allow` to their networks, or `listen` to a private address";
    found.warn("cluster_plane_open", "cluster.node", message, hint);
  }
}

/** A URL at which others dial this relay. */
function inspectUrl(found: FindingList, key: "cluster.url" | "cluster.public_url", url: URL, config: Config): void {
  const { cluster, server } = config;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (["0.0.0.0", "::"].includes(host)) {
    found.warn("url_not_reachable", key, `${host} is no address that others can dial`, "name this machine");
    return;
  }
  if (isLoopbackHost(host) && !isLoopbackHost(server.host)) {
    const elsewhere = [...cluster.root, ...cluster.peers.map((one) => one.split(" ").at(-1) ?? "")].filter(
      (one) => !isLoopbackHost(URL.parse(one)?.hostname ?? "localhost"),
    );
    if (elsewhere.length > 0) {
      const message = `${host} leads to the machine that dials it, and ${elsewhere[0]} is another machine`;
      found.warn("url_not_reachable", key, message, "use a name or an address that the other machines reach");
    }
  }
  const asked = Number(url.port === "" ? (url.protocol === "ws:" ? 80 : 443) : url.port);
  const listeners = plannedListeners(config);
  const planned =
    key === "cluster.url" ? (listeners.find((one) => one.key === "cluster.listen") ?? listeners[0]) : listeners[0];
  if (
    planned === undefined ||
    (planned.key !== "server.port" && planned.key !== "cluster.listen") ||
    planned.port === asked
  )
    return;
  const message = `the URL leads to port ${asked}, and ${planned.name} is ${planned.port}`;
  found.warn(
    "url_wrong_port",
    key,
    message,
    "correct one of them, unless a load balancer or a NAT translates the port",
  );
}
