import type { Server as HttpServer } from "node:http";
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import {
  type Certificate,
  type ClientAuthorities,
  type EngineDeps,
  type FanOutFactory,
  type LinkRequest,
  type Listener,
  type ListenOptions,
  type PeerAddress,
  TransportError,
} from "../../moq/link.ts";
import { http, type Turn } from "../shared/index.ts";
import { ServerTls } from "../tls/index.ts";
import { UpgradeListener } from "./listener.ts";

/** A listener with an HTTP server of its own, which serves nothing else. */
class OwnServerListener implements Listener {
  /** The bound address, also after `close`. */
  readonly address: PeerAddress;
  readonly #server: HttpServer | HttpsServer;
  /** Absent where the listener has no TLS. */
  readonly #tls: ServerTls | undefined;
  readonly #upgrades: UpgradeListener;

  constructor(server: HttpServer | HttpsServer, tls: ServerTls | undefined, upgrades: UpgradeListener) {
    this.#server = server;
    this.#tls = tls;
    this.#upgrades = upgrades;
    this.address = upgrades.address;
  }

  setCertificate(certificate: Certificate, clients?: ClientAuthorities): boolean {
    if (this.#tls === undefined) return false;
    this.#tls.prepare(certificate, clients)();
    return true;
  }

  stopAccepting(): void {
    this.#upgrades.stopAccepting();
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    await this.#upgrades.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Binds a server: TLS when `options.certificate` has a certificate, plain when that is empty. */
export async function listen(
  options: ListenOptions,
  engine: FanOutFactory,
  deps: EngineDeps,
  turn: Turn,
  onRequest: (request: LinkRequest) => void,
): Promise<Listener> {
  const { host, port, protocols, limits } = options;
  const tls = options.certificate.cert === "" ? undefined : new ServerTls(options.certificate, options.clients);
  const server = tls === undefined ? http.createServer() : createHttpsServer(tls.options);
  if ("setSecureContext" in server) tls?.follow(server);
  server.on("request", (_request, response) => {
    response.writeHead(426, { Upgrade: "websocket", Connection: "close" }).end("WebSocket only\n");
  });
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: Error) =>
      reject(new TransportError("bind_failed", `cannot listen on ${host} port ${port}: ${cause.message}`, { cause }));
    server.once("error", fail);
    server.listen({ host, port }, () => {
      server.off("error", fail);
      server.on("error", (error) => deps.warn("the HTTP server of a qmux listener failed", error));
      resolve();
    });
  });
  return new OwnServerListener(
    server,
    tls,
    new UpgradeListener({ server, protocols, limits, engine, deps, turn, onRequest }),
  );
}
