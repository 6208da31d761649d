import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { describeCluster } from "./cluster.ts";
import { isLocalRequest, isLoopbackHost } from "./local.ts";
import { PrometheusExport } from "./metrics.ts";
import type { Places } from "./places.ts";
import { guarded, readJson, readPath, send, sendJson, sendText } from "./respond.ts";
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
  /** The bound on connections. */
  readonly places: Places;
  readonly warn: (message: string, error?: unknown) => void;
  /** Called when a defect kept a request from being answered; its client got a 500. */
  readonly failed: (error: unknown) => void;
  /** Handles `POST /auth/revoke`. */
  readonly revocation?: Revocation;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

interface Revocation {
  /** The refusal for a request with this Authorization field; undefined for one that may revoke. */
  refuse(authorization: string | undefined): Promise<Answer | undefined>;
  /** Revokes. `entry` is parsed JSON that has not been validated. */
  revoke(entry: unknown): Promise<Answer>;
}

/** The listener for operators and their tools: `/health`, `/health/live`, `/health/ready`, `/metrics`, `/cluster` and `/auth/revoke`. */
export class AdminServer {
  readonly #server: Server;
  readonly #view: RelayView;
  readonly #metrics: PrometheusExport;
  readonly #revocation: Revocation | undefined;
  /** True when only this machine can reach the listener; pages in a browser on this machine can too. */
  readonly #local: boolean;

  constructor({ host, view, failed, revocation, places }: Omit<AdminOptions, "port" | "warn">) {
    this.#local = isLoopbackHost(host);
    this.#view = view;
    this.#revocation = revocation;
    view.counters.attach(RELAY_METRICS, () => relayReadings(view));
    this.#metrics = new PrometheusExport(view.counters);
    this.#server = createServer(
      { headersTimeout: HEADER_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
      guarded((request, response) => this.#answer(request, response), failed),
    );
    this.#server.prependListener("request", toOriginForm);
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
        admin.#server.on("error", (error) =>
          options.warn("the admin listener failed on its socket; it keeps listening", error),
        );
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
    const { host = "", origin } = request.headers;
    if (this.#local && !isLocalRequest(host, origin)) {
      sendText(
        request,
        response,
        403,
        "this listener serves its own machine only: use 127.0.0.1 or localhost, and no page of another origin",
      );
      return;
    }
    if (request.method === "POST" && request.url === "/auth/revoke" && this.#revocation !== undefined) {
      await answerRevoke(request, response, this.#revocation);
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
        const ready = reasons.length === 0;
        sendJson(request, response, ready ? 200 : 503, { status: ready ? "ready" : "not_ready", reasons });
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

  async #sendMetrics(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await this.#metrics.render();
    send(request, response, 200, { "Content-Type": this.#metrics.contentType, "Cache-Control": "no-store" }, text);
  }
}

async function answerRevoke(request: IncomingMessage, response: ServerResponse, revocation: Revocation): Promise<void> {
  const refused = await revocation.refuse(request.headers.authorization);
  if (refused !== undefined) {
    if (refused.status === 401) response.setHeader("WWW-Authenticate", "Bearer");
    sendJson(request, response, refused.status, refused.body);
    return;
  }
  const entry = await readJson(request, response);
  if (entry === undefined) return;
  const { status, body } = await revocation.revoke(entry);
  sendJson(request, response, status, body);
}

function queryOf({ url = "" }: IncomingMessage): URLSearchParams {
  const mark = url.indexOf("?");
  return new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1));
}

function detail(view: RelayView): Record<string, unknown> {
  const { counters } = view;
  const certificate = view.certificate();
  return {
    status: view.state() === "ready" && view.reasons().length > 0 ? "not_ready" : view.state(),
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
