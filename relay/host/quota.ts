import type { RateState, Seat } from "../../auth/index.ts";
import type { Clock } from "../../moq/clock.ts";
import type { BoundName } from "../../moq/counters.ts";
import type { Policies, PolicyRefusal } from "../../moq/model/index.ts";
import type { Quota, QuotaRefusal, Session } from "../../moq/session/index.ts";
import type { PolicyRates, SharedRate } from "./policy-rates.ts";

/** Milliseconds between two checks of the bytes of sessions; short compared with the seconds of its rate that a tenant may use at once. */
const CHECK_INTERVAL_MS = 250;

const WAYS = ["ingress", "egress"] as const;
type Way = (typeof WAYS)[number];

const TENANT_BOUNDS = {
  broadcasts: "tenant_broadcasts",
  subscriptions: "tenant_subscriptions",
  ingress: "tenant_ingress",
  egress: "tenant_egress",
} as const;

/** The code of each bound of a policy: of its refusals and of its count. */
export const POLICY_BOUNDS = {
  broadcasts: "policy_broadcasts",
  publishers: "policy_publishers",
  tracks: "policy_tracks",
  sessions: "policy_sessions",
  subscriptions: "policy_subscriptions",
  ingress: "policy_ingress",
  egress: "policy_egress",
} as const;

export interface MeterDeps {
  readonly seat: Seat;
  readonly policies: Policies;
  readonly rates: PolicyRates;
  /** The longest prefix of everything that the session may use. */
  readonly scope: string;
  /** A policy refused something of the session under `path`. */
  readonly refused: (code: BoundName, message: string, path: string) => void;
}

/** Counts what one session uses, and its bytes, for its tenant and for the policies by prefix. */
export class Meter implements Quota {
  readonly #deps: MeterDeps;
  readonly #seat: Seat;
  readonly #rates: Readonly<Record<Way, SharedRate | undefined>>;
  readonly #charged: Record<Way, number> = { ingress: 0, egress: 0 };
  /** It was above the rate of a policy at the last look, so that is reported once. */
  readonly #above: Record<Way, boolean> = { ingress: false, egress: false };
  #session: Session | undefined;
  /** Bytes since the last check. */
  used = 0;

  constructor(deps: MeterDeps) {
    const { rates, scope } = deps;
    this.#deps = deps;
    this.#seat = deps.seat;
    this.#rates = { ingress: rates.of(scope, "ingress"), egress: rates.of(scope, "egress") };
  }

  /** A bound on bytes holds for it. */
  get metered(): boolean {
    return this.#seat.metered || this.#rates.ingress !== undefined || this.#rates.egress !== undefined;
  }

  /** Call this when the session has begun. */
  begin(session: Session): void {
    this.#session = session;
  }

  take(what: "broadcasts" | "subscriptions", path: string): (() => void) | QuotaRefusal {
    const { policies, refused } = this.#deps;
    const free = this.#seat.take(what);
    if (free === undefined) return { bound: TENANT_BOUNDS[what] };
    const place = policies.take(what, { path, owner: this });
    if (typeof place !== "function") {
      free();
      const bound = POLICY_BOUNDS[place.bound];
      refused(bound, policyMessage(place), path);
      return { bound, whenRoom: (callback) => policies.whenRoom(place, callback) };
    }
    return () => {
      place();
      free();
    };
  }

  over(way: Way): BoundName | undefined {
    if (!this.metered) return undefined;
    this.#charge();
    if (this.#seat.rate(way) !== "free") return TENANT_BOUNDS[way];
    const rate = this.#rates[way];
    const above = rate !== undefined && rate.state() !== "free";
    if (above && !this.#above[way]) {
      const message = `the sessions under /${rate.prefix} exceed its \`${way}\``;
      this.#deps.refused(POLICY_BOUNDS[way], message, this.#deps.scope);
    }
    this.#above[way] = above;
    return above ? POLICY_BOUNDS[way] : undefined;
  }

  /** Charges the bytes since the last call; returns the worst state of its rates, and who shares that rate. */
  look(): { readonly state: RateState; readonly by: string } {
    this.#charge();
    const tenant = WAYS.map((way) => ({ state: this.#seat.rate(way), by: `tenant ${this.#seat.tenant}` }));
    const policies = WAYS.flatMap((way) => {
      const rate = this.#rates[way];
      return rate === undefined ? [] : [{ state: rate.state(), by: `prefix /${rate.prefix}` }];
    });
    const all = [...tenant, ...policies];
    const withState = (state: RateState) => all.find((one) => one.state === state);
    return withState("owing") ?? withState("over") ?? { state: "free", by: "" };
  }

  #charge(): void {
    const now = this.#session?.traffic();
    if (now === undefined) return;
    for (const way of WAYS) {
      const bytes = now[way] - this.#charged[way];
      this.#charged[way] = now[way];
      this.used += bytes;
      this.#seat.spend(way, bytes);
      this.#rates[way]?.spend(bytes);
    }
  }
}

/** Why a policy refuses, for the peer, the log and operators. */
export function policyMessage({ bound, prefix, most }: PolicyRefusal): string {
  return `too many ${bound} under /${prefix}: its policy allows ${most}`;
}

/**
 * Checks metered sessions at intervals. Sessions that were held back continue when their tenant is within its rate again. When a tenant
 * or a prefix stays far above it although new requests are refused, its session with the most bytes is ended.
 */
export class Meters {
  readonly #clock: Clock;
  readonly #sessions = new Map<Session, Meter>();
  #cancel: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(session: Session, meter: Meter): void {
    meter.begin(session);
    if (!meter.metered) return;
    this.#sessions.set(session, meter);
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
    for (const [session, meter] of [...this.#sessions]) {
      const { state, by } = meter.look();
      const { used } = meter;
      meter.used = 0;
      if (state === "free") session.retry();
      else if (state === "owing" && used > (heaviest.get(by)?.used ?? 0)) heaviest.set(by, { session, used });
    }
    for (const [by, { session }] of heaviest) {
      const [kind] = by.split(" ", 1);
      session.end("limit", `its ${kind} exceeded its byte rate for too long`);
    }
  }
}
