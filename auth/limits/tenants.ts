import { AuthError } from "../error.ts";
import { ByteRate, type RateState } from "./byte-rate.ts";

/** Bounds of one tenant, all its sessions together. 0 is no bound. */
export interface TenantLimits {
  readonly sessions: number;
  /** Broadcasts that its sessions announce. */
  readonly broadcasts: number;
  /** Tracks that its sessions watch. */
  readonly subscriptions: number;
  /** Bytes a second from its sessions, and to them. */
  readonly ingress: number;
  readonly egress: number;
}

type Counted = "sessions" | "broadcasts" | "subscriptions";

/** A session, counted for its tenant. Every call is safe after `leave`. */
export interface Seat {
  readonly tenant: string;
  /** The tenant has a bound on bytes, so `spend` counts. */
  readonly metered: boolean;
  /** Counts one more until the returned function is called; undefined when the bound is reached. */
  take(what: "broadcasts" | "subscriptions"): (() => void) | undefined;
  /** Counts bytes of this session. */
  spend(way: "ingress" | "egress", bytes: number): void;
  rate(way: "ingress" | "egress"): RateState;
  /** Ends the session and everything that it counts. */
  leave(): void;
}

interface Tenant {
  readonly counts: Record<Counted, number>;
  readonly rates: Readonly<Record<"ingress" | "egress", ByteRate>>;
}

/** Counts the sessions of each tenant and what they use. A tenant is the first segment of a token's root, or of the path without a token. */
export class Tenants {
  #limits: TenantLimits;
  readonly #now: () => number;
  /** Tenants with sessions only, so the bound on sessions bounds this table. */
  readonly #tenants = new Map<string, Tenant>();

  /** `now` is in milliseconds of a clock that does not go back. */
  constructor(limits: TenantLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Changes the bounds. Counts stay; a tenant above a lower bound gets nothing new. */
  setLimits(limits: TenantLimits): void {
    this.#limits = limits;
    for (const { rates } of this.#tenants.values()) {
      rates.ingress.set(limits.ingress, this.#now());
      rates.egress.set(limits.egress, this.#now());
    }
  }

  /** Tenants that have sessions. */
  get size(): number {
    return this.#tenants.size;
  }

  /** Counts a session until it leaves. Throws {@link AuthError} `tenant_sessions`. */
  enter(name: string): Seat {
    const tenant = this.#tenants.get(name) ?? this.#fresh();
    const leave = this.#take(tenant, "sessions");
    if (leave === undefined) throw new AuthError("tenant_sessions", "too many sessions under this root");
    this.#tenants.set(name, tenant);
    const taken = new Set<() => void>();
    let left = false;
    return {
      tenant: name,
      metered: this.#limits.ingress + this.#limits.egress > 0,
      take: (what) => {
        const back = left ? undefined : this.#take(tenant, what);
        if (back === undefined) return undefined;
        taken.add(back);
        return () => {
          if (taken.delete(back)) back();
        };
      },
      spend: (way, bytes) => tenant.rates[way].spend(bytes, this.#now()),
      rate: (way) => tenant.rates[way].state(this.#now()),
      leave: () => {
        if (left) return;
        left = true;
        for (const back of taken) back();
        taken.clear();
        leave();
        if (tenant.counts.sessions === 0) this.#tenants.delete(name);
      },
    };
  }

  #fresh(): Tenant {
    return { counts: { sessions: 0, broadcasts: 0, subscriptions: 0 }, rates: this.#rates() };
  }

  #rates(): Tenant["rates"] {
    const { ingress, egress } = this.#limits;
    return { ingress: new ByteRate(ingress, this.#now()), egress: new ByteRate(egress, this.#now()) };
  }

  #take(tenant: Tenant, what: Counted): (() => void) | undefined {
    const most = this.#limits[what];
    if (most > 0 && tenant.counts[what] >= most) return undefined;
    tenant.counts[what]++;
    return () => {
      tenant.counts[what]--;
    };
  }
}
