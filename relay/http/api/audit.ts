import { counter, metricGroup } from "../../../moq/metrics.ts";
import type { Actor } from "./operation.ts";

/** Actions that the relay keeps for `GET /api/v1/audit`. The log has all of them. */
const KEPT = 500;

/** One action of an operator. */
export interface AuditEntry {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Who: see {@link Actor.name}. */
  readonly actor: string;
  readonly address: string;
  /** The id of the operation. */
  readonly action: string;
  /** The path of the request, its parameters included. */
  readonly target: string;
  /** Names of what the body changes, such as keys of the configuration; absent where the target says it. */
  readonly about?: string;
  /** HTTP status. */
  readonly status: number;
  /** The code of the problem; absent for a success. */
  readonly code?: string;
}

/** Why the API refuses a request before its operation. */
export const REFUSALS = ["rate", "credential", "right", "origin"] as const;

export const API_METRICS = metricGroup("Admin API", {
  requests: counter("api_requests_total", "Requests to the admin API."),
  refused: counter("api_requests_refused_total", "Requests to the admin API that were refused, by reason.", {
    reason: REFUSALS,
  }),
  actions: counter("api_actions_total", "Requests to the admin API that change something and were allowed."),
});

/** Notes every request that acts, whatever came of it. */
export class Audit {
  readonly #wallNow: () => number;
  readonly #log: (entry: AuditEntry) => void;
  readonly #entries: AuditEntry[] = [];

  constructor(deps: { wallNow: () => number; log: (entry: AuditEntry) => void }) {
    this.#wallNow = deps.wallNow;
    this.#log = deps.log;
  }

  note(actor: Actor, entry: Omit<AuditEntry, "at" | "actor" | "address">): void {
    const noted = { at: this.#wallNow(), actor: actor.name, address: actor.address, ...entry };
    this.#entries.push(noted);
    if (this.#entries.length > KEPT) this.#entries.shift();
    this.#log(noted);
  }

  /** Newest first. */
  get entries(): readonly AuditEntry[] {
    return this.#entries.toReversed();
  }
}
