import type { RequestListener, Server, ServerOptions } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import { type AddressInfo, createServer as createListener, type Server as Listener, type Socket } from "node:net";
import { http } from "../../transport/shared/index.ts";
import type { ApiDeps } from "./api/deps.ts";
import { admit, DIRECT_CLIENTS } from "./clients.ts";
import { isLocalRequest, isLoopbackHost } from "./local.ts";
import { Monitoring } from "./monitoring.ts";
import type { Page } from "./page.ts";
import type { Places } from "./places.ts";
import type { PortTls } from "./port.ts";
import { guarded, sendText } from "./respond.ts";
import { toOriginForm } from "./target.ts";
import { RELAY_METRICS, type RelayView, relayReadings } from "./view.ts";

/** Milliseconds for the headers of a request, for a whole request, and without a byte on a connection. */
const HEADER_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const STALL_MS = 30_000;

export interface AdminOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly view: RelayView;
  readonly api: ApiDeps;
  /** Absent: the listener has no TLS. */
  readonly tls?: PortTls;
  /** The dashboard, if it is served. */
  readonly dashboard?: Page | undefined;
  /** The bound on connections. */
  readonly places: Places;
  /** Connections of trusted proxies begin with a header of the PROXY protocol. Default: false. */
  readonly proxied?: boolean;
  readonly warn: (message: string, error?: unknown) => void;
}

/** The listener for operators and their tools: the API under `/api/v1`, the dashboard at `/ui`, `/health`, its probes, and `/metrics`. */
export class AdminServer {
  readonly #server: Server | SecureServer;
  readonly #listener: Listener;
  readonly #sockets = new Set<Socket>();

  constructor({ host, view, api, dashboard, places, tls, proxied = false }: Omit<AdminOptions, "port" | "warn">) {
    view.counters.attach(RELAY_METRICS, () => relayReadings(view));
    const bounds = { headersTimeout: HEADER_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS };
    const answer = answerWith({ local: isLoopbackHost(host), view, api, dashboard });
    this.#server = tls === undefined ? http.createServer(bounds, answer) : secureServer(bounds, tls, answer);
    this.#server.prependListener("request", toOriginForm);
    this.#server.timeout = STALL_MS;
    // This event starts the checks of time-outs; the server never listens itself.
    this.#server.emit("listening");
    const clients = proxied ? api.clients : DIRECT_CLIENTS;
    this.#listener = createListener({ allowHalfOpen: tls === undefined, noDelay: true }, (socket) => {
      let leave = () => {};
      const refuse = () => void socket.destroy();
      this.#sockets.add(socket);
      socket.on("error", refuse);
      socket.once("close", () => {
        this.#sockets.delete(socket);
        leave();
      });
      const hold = (next: () => void) => {
        leave = next;
      };
      admit(socket, { clients, places, refuse, hold, go: () => this.#server.emit("connection", socket) });
    });
  }

  /** Rejects with the system's error when the port cannot be bound. */
  static async listen(options: AdminOptions): Promise<AdminServer> {
    const admin = new AdminServer(options);
    await new Promise<void>((resolve, reject) => {
      admin.#listener.once("error", reject);
      admin.#listener.listen({ host: options.host, port: options.port }, () => {
        admin.#listener.off("error", reject);
        admin.#listener.on("error", (error) =>
          options.warn("the admin listener failed on its socket; it keeps listening", error),
        );
        resolve();
      });
    });
    return admin;
  }

  /** Only while listening. */
  get address(): AddressInfo {
    const address = this.#listener.address();
    if (address === null || typeof address === "string") throw new Error("the admin listener is closed");
    return address;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#listener.close(() => resolve());
      // This ends the timers of the server.
      this.#server.close();
      for (const socket of this.#sockets) socket.destroy();
    });
  }
}

const NOT_LOCAL =
  "this listener serves its own machine only: use 127.0.0.1 or localhost, and no page of another origin";

interface Answering extends Pick<AdminOptions, "view" | "api" | "dashboard"> {
  /** Only this machine can reach the listener; pages in a browser on this machine can too. */
  readonly local: boolean;
}

function answerWith({ local, view, api, dashboard }: Answering): RequestListener {
  const monitoring = new Monitoring(view, api);
  // Many relays are never asked for more than monitoring asks.
  let app: Promise<RequestListener> | undefined;
  const loadApp = async () => {
    const { adminListener } = await import("./admin-app.ts");
    return adminListener({ api, dashboard });
  };
  return guarded((request, response) => {
    const { host = "", origin } = request.headers;
    if (local && !isLocalRequest(host, origin)) {
      sendText(request, response, 403, NOT_LOCAL);
      return;
    }
    const answer = monitoring.answerFor(request);
    if (answer !== undefined) return answer(request, response);
    app ??= loadApp();
    return app.then(
      (listener) => listener(request, response),
      (error: unknown) => {
        app = undefined;
        throw error;
      },
    );
  }, api.failed);
}

function secureServer(bounds: ServerOptions, tls: PortTls, answer: RequestListener): SecureServer {
  const server = createSecureServer({ ...bounds, ...tls.options }, answer);
  tls.follow(server);
  return server;
}
