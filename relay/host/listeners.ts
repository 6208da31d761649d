import type { IncomingMessage, Server } from "node:http";
import type { Server as SecureServer } from "node:https";
import { createServer } from "node:net";
import {
  type Engine,
  type LinkLimits,
  type LinkRequest,
  type Listener,
  type ListenOptions,
  type PeerAddress,
  TransportError,
} from "../../moq/link.ts";
import { IN_BAND } from "../../moq/session/index.ts";
import { errorCode, ServerTls } from "../../transport/tls/index.ts";
import {
  type Clients,
  DIRECT_CLIENTS,
  type HttpPort,
  listenPublic,
  type PortStats,
  type PublicHttpOptions,
} from "../http/index.ts";
import { bindFailed } from "./bind-failed.ts";
import type { ListenerTls, TlsListener } from "./served-certificate.ts";

/** How many free ports are tried until one is free for both UDP and TCP. */
const PORT_ATTEMPTS = 16;

const ANY_IPV6 = "::";
const ANY_IPV4 = "0.0.0.0";

/** Makes links of the WebSockets that clients open at an HTTP server. */
export interface WebSocketSessions {
  attach(
    server: Server | SecureServer,
    options: Pick<ListenOptions, "protocols" | "limits"> & { readonly clientOf: Clients["of"] },
    onRequest: (request: LinkRequest) => void,
  ): Listener;
}

export interface ListenersOptions {
  readonly host: string;
  /** 0 chooses a port that is free for UDP and TCP. */
  readonly port: number;
  readonly engine: Engine;
  /** Sessions over WebSocket, if the relay offers them. */
  readonly qmux?: WebSocketSessions;
  /** The TCP side, if there is one; `qmux` needs it. */
  readonly http?: Pick<
    PublicHttpOptions,
    | "fingerprint"
    | "access"
    | "health"
    | "page"
    | "failed"
    | "places"
    | "take"
    | "clients"
    | "descriptors"
    | "headerTimeoutMs"
  >;
  readonly protocols: readonly string[];
  readonly limits: LinkLimits;
  /** Where QUIC clients shall go on after their handshake. */
  readonly preferred?: readonly string[];
  readonly tls: ListenerTls;
  /** Serve HTTP and WebSocket without TLS as well. */
  readonly plaintext: boolean;
  readonly onRequest: (request: LinkRequest) => void;
}

/** The TCP side of a port. */
interface TcpSide {
  readonly port: HttpPort;
  readonly tls: ServerTls;
}

/** The public sockets of a relay: UDP, and TCP on the same port. */
export class Listeners implements TlsListener {
  readonly #udp: Listener;
  readonly #tcp: TcpSide | undefined;
  readonly #websockets: readonly Listener[];

  constructor(udp: Listener, tcp: TcpSide | undefined, websockets: readonly Listener[]) {
    this.#udp = udp;
    this.#tcp = tcp;
    this.#websockets = websockets;
  }

  get address(): PeerAddress {
    return this.#udp.address;
  }

  httpStats(): PortStats | undefined {
    return this.#tcp?.port.stats();
  }

  /**
   * Where the engine keeps its certificate until a restart, TCP uses the new one, unless clients trust it by its fingerprint: the relay
   * gives one fingerprint for both.
   */
  prepare({ certificate, clients, pinned }: ListenerTls): () => boolean {
    const setTcp = this.#tcp?.tls.prepare(certificate, clients);
    return () => {
      const taken = this.#udp.setCertificate(certificate, clients);
      if (taken || !pinned) setTcp?.();
      return taken;
    };
  }

  /** Stops accepting connections; sessions go on. */
  stopAccepting(): void {
    for (const listener of [this.#udp, ...this.#websockets]) listener.stopAccepting();
    this.#tcp?.port.stopAccepting();
  }

  /** Ends all sessions and closes both sockets. */
  async close(): Promise<void> {
    await Promise.all([this.#udp, ...this.#websockets].map((listener) => listener.close()));
    await this.#tcp?.port.close();
  }
}

/** Binds UDP and then the same port for TCP. Throws {@link TransportError} `bind_failed` that names the socket. */
export async function openListeners(options: ListenersOptions): Promise<Listeners> {
  const host = await bindable(options.host);
  // Before a socket is bound, so that an unusable certificate is what the error names.
  const tls = new ServerTls(options.tls.certificate, options.tls.clients);
  for (let attempt = 1; ; attempt++) {
    const udp = await listenUdp(options, host);
    if (options.http === undefined) return new Listeners(udp, undefined, []);
    const { port } = udp.address;
    try {
      const http = await listenPublic({ ...options.http, host, port, tls, plaintext: options.plaintext });
      return new Listeners(udp, { port: http, tls }, attachWebSockets(options, http));
    } catch (error) {
      await udp.close();
      const taken = errorCode(error) === "EADDRINUSE";
      if (taken && options.port === 0 && attempt < PORT_ATTEMPTS) continue;
      throw bindFailed("TCP", host, port, error);
    }
  }
}

async function listenUdp(options: ListenersOptions, host: string): Promise<Listener> {
  const { engine, port, protocols, limits, preferred, onRequest } = options;
  const { certificate, clients } = options.tls;
  const asked = {
    ...(clients && { clients }),
    ...(preferred && { preferred }),
    ...(protocols.includes(IN_BAND) && { unoffered: IN_BAND }),
  };
  try {
    return await engine.listen({ host, port, protocols, certificate, ...asked, limits }, onRequest);
  } catch (error) {
    if (error instanceof TransportError && error.code !== "bind_failed") throw error;
    throw bindFailed("UDP", host, port, error);
  }
}

function attachWebSockets(
  { qmux, plaintext, protocols, limits, onRequest, http }: ListenersOptions,
  port: HttpPort,
): Listener[] {
  if (qmux === undefined) return [];
  const servers = plaintext ? [port.plain, port.secure] : [port.secure];
  const clientOf = (request: IncomingMessage) => (http?.clients ?? DIRECT_CLIENTS).of(request);
  return servers.map((server) => qmux.attach(server, { protocols, limits, clientOf }, onRequest));
}

/** `host`, but `0.0.0.0` for `::` on a machine without IPv6. */
export async function bindable(host: string): Promise<string> {
  if (host !== ANY_IPV6) return host;
  const probe = createServer();
  return await new Promise((resolve) => {
    probe.once("error", () => resolve(ANY_IPV4));
    probe.listen(0, host, () => probe.close(() => resolve(host)));
  });
}
