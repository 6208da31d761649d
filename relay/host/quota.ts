import type { Seat } from "../../auth/index.ts";
import type { Clock } from "../../moq/clock.ts";
import type { Quota, Session } from "../../moq/session/index.ts";

/** Milliseconds between two checks of the bytes of sessions; short compared with the seconds of its rate that a tenant may use at once. */
const CHECK_INTERVAL_MS = 250;

const WAYS = ["ingress", "egress"] as const;
type Way = (typeof WAYS)[number];

/** Charges the bytes of one session to its tenant. */
export class Meter implements Quota {
  readonly #seat: Seat;
  readonly #charged: Record<Way, number> = { ingress: 0, egress: 0 };
  #session: Session | undefined;
  /** Bytes since the last check. */
  used = 0;

  constructor(seat: Seat) {
    this.#seat = seat;
  }

  /** Call this when the session has begun. */
  begin(session: Session): void {
    this.#session = session;
  }

  take(what: "broadcasts" | "subscriptions"): (() => void) | undefined {
    return this.#seat.take(what);
  }

  free(way: Way): boolean {
    if (!this.#seat.metered) return true;
    this.#charge();
    return this.#seat.rate(way) === "free";
  }

  /** Charges the bytes since the last call; returns the state of the tenant's rate. */
  look(): "free" | "over" | "owing" {
    this.#charge();
    const rates = WAYS.map((way) => this.#seat.rate(way));
    return rates.find((rate) => rate === "owing") ?? rates.find((rate) => rate === "over") ?? "free";
  }

  #charge(): void {
    const now = this.#session?.traffic();
    if (now === undefined) return;
    for (const way of WAYS) {
      const bytes = now[way] - this.#charged[way];
      this.#charged[way] = now[way];
      this.used += bytes;
      this.#seat.spend(way, bytes);
    }
  }
}

/**
 * Checks metered sessions at intervals. Sessions that were held back continue when their tenant is within its rate again. When a tenant
 * stays far above it although new requests are refused, its session with the most bytes is ended.
 */
export class Meters {
  readonly #clock: Clock;
  readonly #sessions = new Map<Session, { readonly meter: Meter; readonly seat: Seat }>();
  #cancel: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(session: Session, meter: Meter, seat: Seat): void {
    meter.begin(session);
    if (!seat.metered) return;
    this.#sessions.set(session, { meter, seat });
    this.#cancel ??= this.#clock.timer(CHECK_INTERVAL_MS, () => this.#look());
  }

  delete(session: Session): void {
    this.#sessions.delete(session);
    if (this.#sessions.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    this.#cancel = this.#clock.timer(CHECK_INTERVAL_MS, () => this.#look());
    const heaviest = new Map<string, { session: Session; used: number }>();
    for (const [session, { meter, seat }] of [...this.#sessions]) {
      const state = meter.look();
      const { used } = meter;
      meter.used = 0;
      if (state === "free") session.retry();
      else if (state === "owing" && used > (heaviest.get(seat.tenant)?.used ?? 0)) {
        heaviest.set(seat.tenant, { session, used });
      }
    }
    for (const { session } of heaviest.values()) session.end("limit", "its tenant exceeded its byte rate for too long");
  }
}
