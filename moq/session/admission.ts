import type { BoundName } from "../counters.ts";
import type { Reason } from "../reason.ts";
import { permits, type RequestAction, type SessionDeps, type SessionTotals } from "./contract.ts";

/** Each of them needs the properties of the track. */
const READING: readonly RequestAction[] = ["subscribe", "fetch", "track_status"];

/** Probes that one session may run: one is enough for a peer. */
const MAX_PROBES = 4;

type Request = "announces" | "subscriptions" | "tracks" | "fetches" | "probes";

/** A request that was admitted: call it once when the request is over. Otherwise the reason why it was refused. */
export type Admitted = (() => void) | Reason;

/** Admits each request of the peer, or refuses it: by its rights first, then by the bounds of the session and of its tenant. */
export class Admission {
  readonly #deps: Pick<SessionDeps, "access" | "broadcasts" | "limits" | "quota">;
  readonly #totals: SessionTotals;
  /** Requests that were admitted since the start. */
  #admitted = 0;
  readonly #running: Record<Request, number> = { announces: 0, subscriptions: 0, tracks: 0, fetches: 0, probes: 0 };

  constructor(deps: Pick<SessionDeps, "access" | "broadcasts" | "limits" | "quota">, totals: SessionTotals) {
    this.#deps = deps;
    this.#totals = totals;
  }

  /** Requests that run now, and that were admitted since the start. */
  get requests(): { readonly running: number; readonly admitted: number } {
    const running = Object.values(this.#running).reduce((sum, count) => sum + count, 0);
    return { running, admitted: this.#admitted };
  }

  /** Announcements under a prefix. They are filtered by path, so every peer may ask for them. */
  announce(): Admitted {
    if (this.#running.announces >= this.#deps.limits.announceStreamsPerSession)
      return this.full("announce_streams_per_session");
    return this.#begin("announces");
  }

  /** `path` is absolute. `access`: of a request that brings tokens of its own. */
  subscribe(path: string, track: string, access = this.#deps.access): Admitted {
    const { quota } = this.#deps;
    if (!permits(access, "subscribe", path, track)) return "unauthorized";
    if (this.#tracksAreFull()) return this.full("subscriptions_per_session");
    const giveBack = quota?.take("subscriptions", path) ?? (() => {});
    if (typeof giveBack !== "function") return this.full(giveBack.bound);
    this.#totals.subscriptions++;
    const end = this.#begin("subscriptions");
    return () => {
      end();
      giveBack();
    };
  }

  /** The properties of a track, which the peer may have if it may do any of `actions`. */
  track(path: string, track: string, actions = READING, access = this.#deps.access): Admitted {
    if (!actions.some((action) => permits(access, action, path, track))) return "unauthorized";
    if (this.#tracksAreFull()) return this.full("subscriptions_per_session");
    return this.#begin("tracks");
  }

  fetch(path: string, track: string, access = this.#deps.access): Admitted {
    return permits(access, "fetch", path, track) ? this.fill() : "unauthorized";
  }

  /** A fill of a subscription, which has the subscription's rights. */
  fill(): Admitted {
    const { limits, quota } = this.#deps;
    if (this.#running.fetches >= limits.fetchesPerSession) return this.full("fetches_per_session");
    const over = quota?.over("egress");
    return over === undefined ? this.#begin("fetches") : this.full(over);
  }

  /** Every peer may ask about its own link. */
  probe(): Admitted {
    if (this.#running.probes >= MAX_PROBES) return this.full("probes_per_session");
    return this.#begin("probes");
  }

  /** Counts that a bound was hit. */
  full(bound: BoundName): Reason {
    this.#deps.broadcasts.counters.boundsHit[bound]++;
    return "limit";
  }

  #tracksAreFull(): boolean {
    return this.#running.subscriptions + this.#running.tracks >= this.#deps.limits.subscriptionsPerSession;
  }

  #begin(what: Request): () => void {
    this.#running[what]++;
    this.#admitted++;
    return () => {
      this.#running[what]--;
    };
  }
}
