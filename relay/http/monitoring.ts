/**
 * What monitoring asks every few seconds: probes, health and metrics. They are answered without the libraries of the API. Loading those takes
 * memory, and keeps the relay from its media for a twentieth of a second.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { checkRate, requireRight } from "./api/caller.ts";
import type { ApiDeps } from "./api/deps.ts";
import { ApiProblem } from "./api/problem.ts";
import { describeRelay } from "./description.ts";
import { PrometheusExport } from "./metrics.ts";
import { send, sendJson } from "./respond.ts";
import type { RelayView } from "./view.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** The paths of monitoring. */
export class Monitoring {
  readonly #api: ApiDeps;
  readonly #view: RelayView;
  readonly #metrics: PrometheusExport;
  readonly #answers: ReadonlyMap<string, Answer>;

  constructor(view: RelayView, api: ApiDeps) {
    this.#api = api;
    this.#view = view;
    this.#metrics = new PrometheusExport(view.counters);
    // Probes have no bound but that of connections: they cost a comparison, and a refused one could end the relay.
    this.#answers = new Map<string, Answer>([
      ["/livez", this.#live],
      ["/health/live", this.#live],
      ["/readyz", this.#ready],
      ["/healthz", this.#ready],
      ["/health/ready", this.#ready],
      ["/health", this.#bounded(this.#health)],
      ["/metrics", this.#bounded(this.#scrape)],
    ]);
  }

  /** Undefined for other paths and methods. */
  answerFor({ method, url = "" }: IncomingMessage): Answer | undefined {
    return method === "GET" || method === "HEAD" ? this.#answers.get(url.split("?", 1)[0] ?? "") : undefined;
  }

  readonly #live: Answer = (request, response) => {
    const { live } = this.#view.health();
    sendJson(request, response, live ? 200 : 503, { status: live ? "alive" : "stuck" });
  };

  readonly #ready: Answer = (request, response) => {
    const reasons = this.#view.reasons();
    const ready = reasons.length === 0;
    sendJson(request, response, ready ? 200 : 503, { status: ready ? "ready" : "not_ready", reasons });
  };

  readonly #health: Answer = (request, response) => sendJson(request, response, 200, describeRelay(this.#view));

  readonly #scrape: Answer = async (request, response) => {
    const { contentType, text } = await this.#metrics.render(request.headers.accept);
    send(request, response, 200, { "Content-Type": contentType, "Cache-Control": "no-store", Vary: "Accept" }, text);
  };

  /** For those who may read, at a bounded rate. */
  #bounded(answer: Answer): Answer {
    return async (request, response) => {
      try {
        checkRate(request, this.#api.scrapes, this.#api);
        await requireRight(request, "read", this.#api);
      } catch (error) {
        if (!(error instanceof ApiProblem)) throw error;
        sendJson(request, response, error.status, error.body, error.headers);
        return;
      }
      await answer(request, response);
    };
  }
}
