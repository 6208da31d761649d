import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { describeCluster } from "./cluster.ts";
import { Metrics } from "./metrics.ts";
import { guarded, readJson, readPath, send, sendJson, sendText } from "./respond.ts";
import type { Places, RelayView } from "./view.ts";

/** Milliseconds for a request's headers, for a whole request, and of silence on a connection. */
const HEADER_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const STALL_MS = 30_000;

export interface AdminOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly view: RelayView;
  /** For connections. */
  readonly places: Places;
  readonly warn: (message: string, error?: unknown) => void;
  /** A request could not be answered for a defect; its client got a 500. */
  readonly failed: (error: unknown) => void;
  /** Revokes what the body of `POST /auth/revoke` names, and says what to answer. */
  readonly revoke?: Revoke;
}

/** Gets parsed JSON that nobody has checked. */
type Revoke = (entry: unknown) => Promise<{ readonly status: number; readonly body: unknown }>;

/** The listener for operators and their machines: `/health`, `/health/live`, `/health/ready`, `/metrics`, `/cluster` and `/auth/revoke`. */
export class AdminServer {
  readonly #server: Server;
  readonly #view: RelayView;
  readonly #metrics: Metrics;
  readonly #revoke: Revoke | undefined;

  constructor({ view, failed, revoke, places }: Pick<AdminOptions, "view" | "failed" | "revoke" | "places">) {
    this.#view = view;
    this.#revoke = revoke;
    this.#metrics = new Metrics(view);
    this.#server = createServer(
      { headersTimeout: HEADER_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
      guarded((request, response) => this.#answer(request, response), failed),
    );
    this.#server.timeout = STALL_MS;
    this.#server.prependListener("connection", (socket: Socket) => {
      const leave = places.take(socket.remoteAddress ?? "", () => socket.destroy());
      if (leave === undefined) socket.destroy();
      else socket.once("close", leave);
    });
  }

  /** Rejects with the system's error when the port cannot be bound. */
  static async listen(options: AdminOptions): Promise<AdminServer> {
    const admin = new AdminServer(options);
    await new Promise<void>((resolve, reject) => {
      admin.#server.once("error", reject);
      admin.#server.listen({ host: options.host, port: options.port }, () => {
        admin.#server.off("error", reject);
        admin.#server.on("error", (error) => options.warn("the admin listener failed", error));
        resolve();
      });
    });
    return admin;
  }

  /** Only while listening. */
  get address(): AddressInfo {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the admin listener is closed");
    return address;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === "POST" && request.url === "/auth/revoke" && this.#revoke !== undefined) {
      await this.#answerRevoke(request, response, this.#revoke);
      return;
    }
    const path = readPath(request, response);
    if (path === undefined) return;
    const view = this.#view;
    switch (path) {
      case "/health/live":
        sendJson(request, response, 200, { status: "alive" });
        return;
      case "/health/ready": {
        const reasons = view.reasons();
        sendJson(request, response, reasons.length === 0 ? 200 : 503, { status: view.state(), reasons });
        return;
      }
      case "/health":
        sendJson(request, response, 200, detail(view));
        return;
      case "/cluster": {
        const cluster = view.cluster();
        if (cluster === undefined) sendText(request, response, 404, "this relay is in no mesh");
        else sendJson(request, response, 200, describeCluster(cluster, queryOf(request)));
        return;
      }
      case "/metrics":
        await this.#sendMetrics(request, response);
        return;
      default:
        sendText(request, response, 404, "not found");
    }
  }

  async #answerRevoke(request: IncomingMessage, response: ServerResponse, revoke: Revoke): Promise<void> {
    const entry = await readJson(request, response);
    if (entry === undefined) return;
    const { status, body } = await revoke(entry);
    sendJson(request, response, status, body);
  }

  async #sendMetrics(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await this.#metrics.render();
    send(request, response, 200, { "Content-Type": this.#metrics.contentType, "Cache-Control": "no-store" }, text);
  }
}

function queryOf({ url = "" }: IncomingMessage): URLSearchParams {
  const mark = url.indexOf("?");
  return new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1));
}

function detail(view: RelayView): Record<string, unknown> {
  const { counters } = view;
  const certificate = view.certificate();
  return {
    status: view.state(),
    reasons: view.reasons(),
    version: view.version,
    engine: view.engine,
    uptime_seconds: Math.round(view.uptimeMs() / 1000),
    sessions: { active: counters.sessionsActive, opened: counters.sessionsOpened, by: view.sessions() },
    broadcasts: counters.broadcastsActive,
    tracks: counters.tracksActive,
    subscriptions: counters.subscriptionsActive,
    cache: { bytes: counters.cacheBytes, budget: counters.cacheBudget, groups: counters.cacheGroups },
    bounds_hit: Object.fromEntries(Object.entries(counters.boundsHit).filter(([, count]) => count > 0)),
    ...(certificate && {
      certificate: {
        fingerprint: certificate.fingerprint,
        not_after: certificate.notAfter.toISOString(),
        self_signed: certificate.selfSigned,
      },
    }),
    memory_bytes: process.memoryUsage.rss(),
  };
}
