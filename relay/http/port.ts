import type { Server as HttpServer, IncomingMessage, RequestListener, ServerOptions } from "node:http";
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { TlsOptions } from "node:tls";
import { counter, gauge, metricGroup } from "../../moq/metrics.ts";
import { http } from "../../transport/shared/index.ts";
import { admit, type Clients, DIRECT_CLIENTS } from "./clients.ts";
import type { Places } from "./places.ts";
import { toOriginForm } from "./target.ts";

/** First byte of a TLS connection: the content type `handshake` (RFC 8446 section 5.1). */
const TLS_HANDSHAKE = 0x16;

/** Milliseconds from connecting to the first byte, to the end of a TLS handshake, and to the end of a request's headers. */
export const HEADER_TIMEOUT_MS = 10_000;

/** Milliseconds within which a whole request must arrive. No request here has a body. */
const REQUEST_TIMEOUT_MS = 15_000;

/** Milliseconds that a connection may be idle between requests. */
const KEEP_ALIVE_MS = 5_000;

/** Milliseconds without a byte in either direction after which an HTTP connection is cut, because its client does not read. */
const STALL_MS = 30_000;

/** Most requests on one connection, so that a client cannot keep it for ever. */
const REQUESTS_PER_CONNECTION = 1_000;

/** Answer to an upgrade that no listener handles. */
const NO_UPGRADE = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/** Answer to a client without TLS at a port that serves none. */
export const TLS_ONLY_TEXT = "this port speaks TLS only: use https: or wss: instead";

/** The headers of that answer (RFC 9110 section 15.5.22). */
export const TLS_ONLY_HEADERS = { Upgrade: "TLS/1.3, HTTP/1.1", Connection: "Upgrade, close" } as const;

const TLS_ONLY = [
  "HTTP/1.1 426 Upgrade Required",
  ...Object.entries(TLS_ONLY_HEADERS).map(([name, value]) => `${name}: ${value}`),
  "Content-Type: text/plain; charset=utf-8",
  `Content-Length: ${TLS_ONLY_TEXT.length + 1}`,
  "",
  `${TLS_ONLY_TEXT}\n`,
].join("\r\n");

export interface PortOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: PortTls;
  /** False: a WebSocket without TLS is refused. */
  readonly plaintext: boolean;
  /** For connections that have not been upgraded. */
  readonly places: Places;
  /** Takes a connection; false for one that is cut at once. Default: takes all. */
  readonly take?: () => boolean;
  /** Takes a file descriptor for a connection, or refuses; `give` when the connection is closed. Default: there are enough. */
  readonly descriptors?: { take(): boolean; give(): void };
  /** Default: there are no proxies. */
  readonly clients?: Clients;
  /** Milliseconds; default {@link HEADER_TIMEOUT_MS}. */
  readonly headerTimeoutMs?: number;
}

/** TLS of the port; `ServerTls` of `transport/tls`. */
export interface PortTls {
  readonly options: TlsOptions;
  follow(server: HttpsServer): void;
}

export const PORT_METRICS = metricGroup("Public TCP port", {
  connections: gauge("http_connections", "TCP connections that are open now, those of WebSocket sessions included."),
  refused: counter(
    "http_connections_refused_total",
    "TCP connections that were closed because the port had as many as it may have.",
  ),
  timedOut: counter(
    "http_connections_timed_out_total",
    "TCP connections that were closed because their first byte did not come in time.",
  ),
  failed: counter("http_connections_failed_total", "TCP connections that the operating system could not hand over."),
});

export type PortStats = Readonly<Record<keyof typeof PORT_METRICS.metrics, number>>;

/**
 * One TCP port for http, https, ws and wss. The first byte of a connection shows whether it is TLS; the port then gives the connection to
 * the server of that kind. It owns every accepted socket, upgraded ones too, until `close`.
 */
export class HttpPort {
  readonly plain: HttpServer;
  readonly secure: HttpsServer;
  readonly #listener: Server;
  readonly #headerTimeoutMs: number;
  readonly #sockets = new Set<Socket>();
  readonly #places: Places;
  readonly #take: () => boolean;
  readonly #descriptors: PortOptions["descriptors"];
  readonly #clients: Clients;
  /** For sockets that are not upgraded, the function that gives up their place, by both ends' addresses: a TLS socket and its TCP socket have the same. */
  readonly #unupgraded = new Map<string, () => void>();
  #refused = 0;
  #timedOut = 0;
  #failed = 0;

  /** Does not listen yet; `HttpPort.listen` does. */
  constructor(options: PortOptions, onRequest: RequestListener) {
    this.#headerTimeoutMs = options.headerTimeoutMs ?? HEADER_TIMEOUT_MS;
    this.#places = options.places;
    this.#take = options.take ?? (() => true);
    this.#descriptors = options.descriptors;
    this.#clients = options.clients ?? DIRECT_CLIENTS;
    const bounds: ServerOptions = {
      headersTimeout: this.#headerTimeoutMs,
      requestTimeout: Math.max(REQUEST_TIMEOUT_MS, this.#headerTimeoutMs),
      connectionsCheckingInterval: Math.min(1_000, this.#headerTimeoutMs),
      keepAliveTimeout: KEEP_ALIVE_MS,
      shouldUpgradeCallback: asksForWebSocket,
    };
    this.plain = http.createServer(bounds, onRequest);
    this.secure = createHttpsServer(
      { ...bounds, ...options.tls.options, handshakeTimeout: this.#headerTimeoutMs },
      onRequest,
    );
    options.tls.follow(this.secure);
    for (const server of [this.plain, this.secure]) {
      server.timeout = STALL_MS;
      server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION;
      server.prependListener("request", toOriginForm);
      server.prependListener("upgrade", (request, socket: Socket) => {
        toOriginForm(request);
        if (server.listenerCount("upgrade") > 1) this.#leave(endOf(socket));
        else socket.end(server === this.plain && !options.plaintext ? TLS_ONLY : NO_UPGRADE, () => socket.destroy());
      });
      // This event starts the checks of header and request time-outs; these two servers never listen themselves.
      server.emit("listening");
    }
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  /** Rejects with the system's error when the port cannot be bound. */
  static async listen(options: PortOptions, onRequest: RequestListener): Promise<HttpPort> {
    const port = new HttpPort(options, onRequest);
    try {
      await port.#listen(options.host, options.port);
    } catch (error) {
      await port.close();
      throw error;
    }
    return port;
  }

  /** Only while listening. */
  get address(): AddressInfo {
    const address = this.#listener.address();
    if (address === null || typeof address === "string") throw new Error("the port is closed");
    return address;
  }

  stats(): PortStats {
    return { connections: this.#sockets.size, refused: this.#refused, timedOut: this.#timedOut, failed: this.#failed };
  }

  /** Stops listening; open connections go on. */
  stopAccepting(): void {
    this.#listener.close();
    this.plain.closeIdleConnections();
    this.secure.closeIdleConnections();
  }

  /** Cuts every connection and stops listening. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#listener.close(() => resolve());
    });
    // This ends the timers of both servers.
    this.plain.close();
    this.secure.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#listener.once("error", reject);
      this.#listener.listen({ host, port }, () => {
        this.#listener.off("error", reject);
        // For example, the kernel has no buffers: single connections fail, and the port keeps listening.
        this.#listener.on("error", () => {
          this.#failed += 1;
        });
        resolve();
      });
    });
  }

  #accept(socket: Socket): void {
    if (!this.#take() || this.#descriptors?.take() === false) {
      socket.destroy();
      return;
    }
    socket.once("close", () => this.#descriptors?.give());
    const refuse = () => {
      this.#refused += 1;
      socket.destroy();
    };
    const end = endOf(socket);
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#leave(end);
    });
    socket.on("error", () => socket.destroy());
    admit(socket, {
      clients: this.#clients,
      places: this.#places,
      refuse,
      hold: (leave) => this.#unupgraded.set(end, leave),
      go: () => this.#awaitFirstByte(socket),
    });
  }

  #leave(end: string): void {
    this.#unupgraded.get(end)?.();
    this.#unupgraded.delete(end);
  }

  #awaitFirstByte(socket: Socket): void {
    const expire = () => {
      this.#timedOut += 1;
      socket.destroy();
    };
    const end = () => socket.destroy();
    socket.setTimeout(this.#headerTimeoutMs, expire);
    socket.once("end", end);
    socket.once("readable", () => {
      socket.off("timeout", expire);
      socket.off("end", end);
      socket.setTimeout(0);
      const first: unknown = socket.read();
      if (!Buffer.isBuffer(first) || this.#clients.forges(socket, first)) {
        socket.destroy();
        return;
      }
      socket.unshift(first);
      const isTls = first[0] === TLS_HANDSHAKE;
      // Each server sets this on sockets that it accepts itself.
      socket.allowHalfOpen = !isTls;
      (isTls ? this.secure : this.plain).emit("connection", socket);
    });
  }
}

/** Other upgrades, such as the `h2c` of `curl --http2`, are requests like any other (RFC 9110 section 7.8). */
function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}

function endOf(socket: Socket): string {
  return `${socket.localAddress} ${socket.remoteAddress} ${socket.remotePort}`;
}
