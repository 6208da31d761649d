import type { Clients } from "../clients.ts";
import type { Audit, REFUSALS } from "./audit.ts";
import type { Authority } from "./authority.ts";
import type { Operation } from "./operation.ts";

/** Bounds the requests of each address. */
export interface RateLimit {
  /** Counts a request. Undefined when it may go on, else the seconds to wait. */
  take(address: string): number | undefined;
}

export interface ApiDeps {
  readonly operations: readonly Operation[];
  readonly version: string;
  readonly authority: Authority;
  readonly audit: Audit;
  readonly rate: RateLimit;
  /** The same for `/health` and `/metrics`, apart from the API: a busy dashboard costs no scrape of the same machine. */
  readonly scrapes: RateLimit;
  /** True: programs of this machine may read without a credential, because only they reach the listener. */
  readonly openToRead: boolean;
  /** Who sends a request, also through a proxy. */
  readonly clients: Clients;
  /** Origins whose pages may use the API; the listener's own pages always may. */
  readonly origins: () => readonly string[];
  /** Counts a refusal for {@link API_METRICS}. */
  readonly refused: (reason: (typeof REFUSALS)[number]) => void;
  /** Counts a request of an operation. */
  readonly counted: (acts: boolean) => void;
  /** Called when a defect kept a request from being answered; its client got a 500. */
  readonly failed: (error: unknown) => void;
}
