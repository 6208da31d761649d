import { randomUUID } from "node:crypto";
import type { Clock } from "../../moq/clock.ts";
import { counter, gauge, metricGroup } from "../../moq/metrics.ts";
import type { Logger } from "../log/index.ts";
import { DROP_CAUSES, type DropCause, Endpoint } from "./endpoint.ts";
import type { QueuedEvent, WebhookData, WebhookEvent } from "./events.ts";
import { postOverHttp } from "./post.ts";
import { MIN_WEBHOOK_SECRET, secretKey } from "./signature.ts";

export const WEBHOOK_METRICS = metricGroup("Webhooks", {
  delivered: counter("webhooks_delivered_total", "Events that a receiver of webhooks accepted."),
  failed: counter("webhooks_failed_total", "Requests to a receiver of webhooks that failed; the relay tries again."),
  dropped: counter("webhooks_dropped_total", "Events that a receiver of webhooks did not get, by cause.", {
    cause: DROP_CAUSES,
  }),
  queued: gauge("webhooks_queued", "Events that wait for a receiver of webhooks, those under way included."),
});

/** Milliseconds that waiting events get when the relay ends. */
const CLOSE_MS = 2_000;

/** The section `[webhooks]`. */
interface Settings {
  readonly urls: readonly string[];
  readonly events: readonly WebhookEvent[];
  readonly secret?: string | undefined;
  readonly secretFile?: string | undefined;
  readonly timeoutMs: number;
  readonly retryForMs: number;
  /** Events that may wait for one receiver. */
  readonly queue: number;
}

export interface WebhooksDeps {
  /** This relay, in the field `node` of each event. */
  readonly node: string;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  readonly log: Logger;
  /** Reads the file of the secret. */
  readonly readSecret: (file: string) => Promise<string>;
  readonly post?: typeof postOverHttp;
  readonly random?: () => number;
}

/** Tells receivers over HTTP what happens at this relay. Nothing here waits for a receiver or slows a session. */
export class Webhooks {
  readonly #deps: WebhooksDeps;
  readonly #endpoints = new Map<string, Endpoint>();
  #settings: Settings | undefined;
  #key: Buffer | undefined;
  readonly #dropped = new Map<DropCause, number>(DROP_CAUSES.map((cause) => [cause, 0]));
  #delivered = 0;
  #failed = 0;

  /** Sends nothing until {@link configure}. */
  constructor(deps: WebhooksDeps) {
    this.#deps = deps;
  }

  /** Reads the secret and applies `settings`. Rejects, and changes nothing, when the secret cannot be read. */
  async configure(settings: Settings): Promise<void> {
    (await this.prepare(settings))();
  }

  /** Reads the secret; the function that it resolves with applies `settings`. Rejects when the secret cannot be read. */
  async prepare(settings: Settings): Promise<() => void> {
    const { secret, secretFile } = settings;
    const text = secretFile === undefined ? secret : (await this.#deps.readSecret(secretFile)).trim();
    if (text !== undefined && text.length < MIN_WEBHOOK_SECRET)
      throw new Error(
        `the secret in ${secretFile} (webhooks.secret_file) has fewer than ${MIN_WEBHOOK_SECRET} characters`,
      );
    const key = text === undefined ? undefined : secretKey(text);
    return () => this.#use(settings, key);
  }

  #use(settings: Settings, key: ReturnType<typeof secretKey> | undefined): void {
    const { urls } = settings;
    this.#key = key;
    this.#settings = settings;
    for (const [url, endpoint] of this.#endpoints) {
      if (urls.includes(url)) continue;
      this.#endpoints.delete(url);
      void endpoint.close(0, "removed");
    }
    for (const url of urls) if (!this.#endpoints.has(url)) this.#endpoints.set(url, this.#endpoint(url));
  }

  /** Sends an event to every receiver, later. Events about one broadcast, or one session, arrive in order. */
  send(type: WebhookEvent, data: WebhookData): void {
    if (this.#endpoints.size === 0 || this.#settings?.events.includes(type) !== true) return;
    const event: QueuedEvent = {
      id: `msg_${randomUUID()}`,
      type,
      timestamp: new Date(this.#deps.wallNow()).toISOString(),
      data: { node: this.#deps.node, ...data },
      key: data.broadcast === undefined ? `session ${data.session}` : `broadcast ${data.broadcast}`,
    };
    for (const endpoint of this.#endpoints.values()) endpoint.push(event);
  }

  /** What {@link WEBHOOK_METRICS} are read from. */
  get metrics() {
    const queued = [...this.#endpoints.values()].reduce((sum, endpoint) => sum + endpoint.queued, 0);
    return { delivered: this.#delivered, failed: this.#failed, dropped: this.#dropped, queued };
  }

  /** Gives waiting events {@link CLOSE_MS}, and drops the rest. */
  async close(): Promise<void> {
    await Promise.all([...this.#endpoints.values()].map((endpoint) => endpoint.close(CLOSE_MS)));
  }

  #endpoint(url: string): Endpoint {
    const { clock, log, wallNow, post = postOverHttp, random = Math.random } = this.#deps;
    const { origin } = new URL(url);
    return new Endpoint({
      clock,
      random,
      post: (event, body) =>
        post({
          url,
          id: event.id,
          body,
          key: this.#key,
          timeoutMs: this.#settings?.timeoutMs ?? 0,
          seconds: wallNow() / 1_000,
        }),
      delivered: () => {
        this.#delivered += 1;
      },
      failed: (why, first) => {
        this.#failed += 1;
        if (first) log.warn({ receiver: origin, why }, "webhook failed; the relay tries again");
      },
      recovered: () => log.info({ receiver: origin }, "webhook accepted again"),
      dropped: (cause, { type, data }) => {
        this.#dropped.set(cause, (this.#dropped.get(cause) ?? 0) + 1);
        log.warn({ receiver: origin, cause, type, session: data.session }, "webhook dropped");
      },
      queue: () => this.#settings?.queue ?? 0,
      retryForMs: () => this.#settings?.retryForMs ?? 0,
    });
  }
}
