import { Places } from "../../auth/index.ts";
import type { Engine } from "../../moq/link.ts";
import { type Config, isLoopbackHost } from "../config/index.ts";
import { type Clients, DEMO_HEADERS, type Page, type PublicHttpOptions, readPage } from "../http/index.ts";
import type { HandshakeRate } from "../pressure/index.ts";
import type { Defects } from "./defects.ts";
import type { Descriptors } from "./descriptors.ts";
import { type Listeners, openListeners, type WebSocketSessions } from "./listeners.ts";
import { linkLimits } from "./options.ts";
import type { ListenerTls } from "./served-certificate.ts";
import type { SessionHost } from "./sessions.ts";
import { judge } from "./verdict.ts";

/** Most TCP connections that are not (yet) WebSocket sessions: clients that load the page or ask for the fingerprint. */
const MAX_HTTP_CONNECTIONS = 1_024;

export interface PublicPortDeps {
  readonly config: Config;
  readonly engine: Engine;
  readonly websocket: WebSocketSessions;
  /** Best first. */
  readonly protocols: readonly string[];
  readonly tls: ListenerTls;
  /** The fingerprint that clients need; undefined when an authority vouches for the certificate. */
  readonly fingerprint: () => string | undefined;
  readonly page: Page | undefined;
  readonly health: NonNullable<PublicHttpOptions["health"]>;
  readonly handshakes: HandshakeRate;
  readonly proxies: Clients;
  readonly descriptors: Descriptors;
  readonly host: SessionHost;
  readonly defects: Defects;
}

/** Opens the public port, UDP and TCP. Rejects with a `TransportError` that names the socket. */
export function openPublicPort(deps: PublicPortDeps): Promise<Listeners> {
  const {
    config,
    engine,
    websocket,
    protocols,
    tls,
    fingerprint,
    page,
    health,
    handshakes,
    proxies,
    descriptors,
    host,
    defects,
  } = deps;
  const { server, http, limits, loadBalancer } = config;
  return openListeners({
    host: server.host,
    port: server.port,
    engine,
    protocols,
    limits: linkLimits(config),
    preferred: loadBalancer.preferredAddress,
    tls,
    plaintext: server.plaintext ?? isLoopbackHost(server.host),
    onRequest: (request) => host.accept(request),
    ...(server.websocket && { qmux: websocket }),
    ...((http.enabled || server.websocket) && {
      http: {
        fingerprint: () => (http.enabled ? fingerprint() : undefined),
        failed: (error) => defects.report("in a request at the public port", error),
        ...(http.enabled && { access: (question) => judge(host, defects, question) }),
        places: new Places(MAX_HTTP_CONNECTIONS),
        take: handshakes.takeTcp,
        descriptors,
        clients: proxies,
        headerTimeoutMs: limits.handshakeTimeoutMs,
        ...(http.enabled && http.publicHealth && { health }),
        ...(page && { page }),
      },
    }),
  });
}

/** Reads the demo page. A relay whose page has not been built starts without it and logs that. */
export async function readDemoPage(folder: string, warn: PageWarning): Promise<Page | undefined> {
  try {
    return await readPage(folder, DEMO_HEADERS);
  } catch (error) {
    warn("the demo page is not served, because it cannot be read; `npm run build` makes it", error);
    return undefined;
  }
}

type PageWarning = (message: string, error: unknown) => void;
