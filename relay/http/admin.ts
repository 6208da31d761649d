import type { RequestListener, Server, ServerOptions } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import { type AddressInfo, createServer as createListener, type Server as Listener, type Socket } from "node:net";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { http } from "../../transport/shared/index.ts";
import { type ApiDeps, type ApiEnv, addApi, checkRate, requireRight, respondTo } from "./api/app.ts";
import { admit, DIRECT_CLIENTS } from "./clients.ts";
import { describeRelay } from "./description.ts";
import { isLocalRequest, isLoopbackHost } from "./local.ts";
import { PrometheusExport } from "./metrics.ts";
import type { Page } from "./page.ts";
import type { Places } from "./places.ts";
import type { PortTls } from "./port.ts";
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
    const app = adminApp(isLoopbackHost(host), view, api);
    if (dashboard !== undefined) addPage(app, dashboard);
    const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false, hostname: "localhost" });
    const bounds = { headersTimeout: HEADER_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS };
    const answer: RequestListener = (request, response) => void listener(request, response);
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

/** Headers of every answer: browsers may not guess its type, nor send its URL to others. */
const SAFE_HEADERS = {
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
};

/** `local`: only this machine can reach the listener; pages in a browser on this machine can too. */
function adminApp(local: boolean, view: RelayView, api: ApiDeps): Hono<ApiEnv> {
  const app = new Hono<{ Bindings: HttpBindings }>();
  const metrics = new PrometheusExport(view.counters);
  app.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(SAFE_HEADERS)) if (!c.res.headers.has(name)) c.header(name, value);
  });
  app.use(async (c, next) => {
    if (local && !isLocalRequest(c.env.incoming.headers.host ?? "", c.req.header("origin")))
      return c.text(`${NOT_LOCAL}\n`, 403);
    return await next();
  });
  // Probes have no bound but that of connections: they cost a comparison, and a refused one could end the relay.
  for (const path of ["/livez", "/health/live"]) {
    app.get(path, (c) => {
      const { live } = view.health();
      return c.json({ status: live ? "alive" : "stuck" }, live ? 200 : 503);
    });
  }
  for (const path of ["/readyz", "/healthz", "/health/ready"]) {
    app.get(path, (c) => {
      const reasons = view.reasons();
      const ready = reasons.length === 0;
      return c.json({ status: ready ? "ready" : "not_ready", reasons }, ready ? 200 : 503);
    });
  }
  app.get("/health", async (c) => {
    checkRate(c, api.scrapes, api);
    await requireRight(c, "read", api);
    return c.json(describeRelay(view));
  });
  app.get("/metrics", async (c) => {
    checkRate(c, api.scrapes, api);
    await requireRight(c, "read", api);
    const { contentType, text } = await metrics.render(c.req.header("accept"));
    return c.body(text, 200, { "Content-Type": contentType, Vary: "Accept" });
  });
  addApi(app, api);
  app.onError((error, c) => respondTo(error, c, api));
  return app;
}

/** Where the dashboard is. */
const DASHBOARD = "/ui";

function addPage(app: Hono<ApiEnv>, page: Page): void {
  app.get("/", (c) => c.redirect(`${DASHBOARD}/`));
  app.get(DASHBOARD, (c) => c.redirect(`${DASHBOARD}/`));
  app.get(`${DASHBOARD}/*`, (c) => {
    const file = page.file(c.req.path.slice(DASHBOARD.length));
    if (file === undefined) return c.notFound();
    const headers = Object.fromEntries(Object.entries(file.headers).map(([name, value]) => [name, String(value)]));
    const known = (c.req.header("if-none-match") ?? "")
      .split(",")
      .some((tag) => tag.trim().replace(/^W\//, "") === file.etag);
    return known ? c.body(null, 304, headers) : c.body(Uint8Array.from(file.bytes), 200, headers);
  });
}

function secureServer(bounds: ServerOptions, tls: PortTls, answer: RequestListener): SecureServer {
  const server = createSecureServer({ ...bounds, ...tls.options }, answer);
  tls.follow(server);
  return server;
}
