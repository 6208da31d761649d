/** Rules over several sections. They are checked when each section is valid by itself. */
import type { authSection } from "./auth.ts";
import type { clusterSection } from "./cluster.ts";
import type { httpSection } from "./http.ts";
import { isLoopbackHost } from "./loopback.ts";
import type { policiesSection } from "./policies.ts";
import type { quicSection } from "./quic.ts";
import type { Conflict, ProgramValues } from "./section.ts";
import type { serverSection } from "./server.ts";
import type { tlsSection } from "./tls.ts";

/** The sections that the rules are about. */
interface Ruled {
  readonly server: ProgramValues<typeof serverSection>;
  readonly quic: ProgramValues<typeof quicSection>;
  readonly tls: ProgramValues<typeof tlsSection>;
  readonly http: ProgramValues<typeof httpSection>;
  readonly cluster: ProgramValues<typeof clusterSection>;
  readonly auth: ProgramValues<typeof authSection>;
  readonly policies: ProgramValues<typeof policiesSection>;
}

/** The rules that a configuration breaks. Keys are dotted paths, such as `server.port`. */
export function brokenRules(config: Ruled): Conflict[] {
  return [clientCertificates(config), ...developerTools(config), publicBesideApi(config)].filter(
    (one) => one !== undefined,
  );
}

/** At one listener, nothing tells the certificate of a viewer from that of a relay. */
function clientCertificates({ tls, cluster }: Ruled): Conflict | undefined {
  if (tls.clientCa === undefined || cluster.clientCa === undefined || cluster.listen !== undefined) return undefined;
  const message =
    "relays and clients both show certificates, so relays need a listener of their own: set `[cluster] listen`";
  return { keys: ["cluster.client_ca", "tls.client_ca"], message };
}

/** The auth API says what is public. */
function publicBesideApi({ auth, policies }: Ruled): Conflict | undefined {
  const open = policies.list.find(
    ({ publicSubscribe, publicPublish }) => (publicSubscribe ?? publicPublish) !== undefined,
  );
  if (auth.api === undefined || open === undefined) return undefined;
  const message = `\`[auth] api\` decides alone: remove \`public_subscribe\` and \`public_publish\` of policy "${open.prefix}", or \`api\``;
  return { keys: ["policies.list", "auth.api"], message };
}

/** What is for developers needs a second setting where other machines reach it. */
function developerTools(config: Ruled): Conflict[] {
  const { server } = config;
  if (server.developerTools || isLoopbackHost(server.host)) return [];
  const how = "set `[server] developer_tools = true` to allow it where other machines reach the relay";
  return usedDeveloperTools(config).map(({ key, what }) => ({
    keys: [key],
    message: `${what} is for developers: ${how}`,
  }));
}

/** The developer tools that are switched on, by key. */
export function usedDeveloperTools({ http, server, quic }: Ruled): { readonly key: string; readonly what: string }[] {
  return [
    ...(http.enabled && http.page ? [{ key: "http.page", what: "the demo page" }] : []),
    ...(server.experimental.length > 0
      ? [{ key: "server.experimental", what: "an experimental protocol version" }]
      : []),
    ...(quic.qlogDir === undefined ? [] : [{ key: "quic.qlog_dir", what: "a qlog file for each connection" }]),
  ];
}
