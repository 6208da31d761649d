import type { Seat } from "../../auth/index.ts";
import type { Clock } from "../../moq/clock.ts";
import type { Quota, Session } from "../../moq/session/index.ts";

/** Milliseconds between two looks at what sessions used: short beside the seconds of its rate that a tenant may use at once. */
const LOOK_INTERVAL_MS = 250;

const WAYS = ["ingress", "egress"] as const;
type Way = (typeof WAYS)[number];

/** Charges what one session uses to its tenant. */
export class Meter implements Quota {
  readonly #seat: Seat;
  readonly #charged: Record<Way, number> = { ingress: 0, egress: 0 };
  #session: Session | undefined;
  /** Bytes since the last look. */
  used = 0;

  constructor(seat: Seat) {
    this.#seat = seat;
  }

  /** The session began. */
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

  /** After a look: what is the matter, if anything. */
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
 * Looks at metered sessions from time to time: those that were held back go on when their tenant has a rate again; of a tenant
 * that goes on beyond it, whatever begins being refused, the session that uses most is ended.
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
    this.#cancel ??= this.#clock.timer(LOOK_INTERVAL_MS, () => this.#look());
  }

  delete(session: Session): void {
    this.#sessions.delete(session);
    if (this.#sessions.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    this.#cancel = this.#clock.timer(LOOK_INTERVAL_MS, () => this.#look());
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
    for (const { session } of heaviest.values()) session.end("limit", "over the bit rate of its tenant for too long");
  }
}
