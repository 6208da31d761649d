import { AuthError } from "../error.ts";
import { ByteRate, type RateState } from "./byte-rate.ts";

/** Limits of one tenant, all its sessions together. As a limit, 0 is no bound; as a share of a limit, 0 is nothing. */
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

/** Divides the limits of tenants between this relay and others. */
export interface TenantShares {
  /** What the tenant may use at this relay now, of `limits`. 0 is nothing where the limit is not 0. */
  bounds(tenant: string, limits: TenantLimits): TenantLimits;
  /** Something was refused that the limits allow: this relay asks for more. */
  short(tenant: string, what: keyof TenantLimits): void;
}

type Counted = "sessions" | "broadcasts" | "subscriptions";
const WAYS = ["ingress", "egress"] as const;
type Way = (typeof WAYS)[number];

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
  readonly name: string;
  readonly counts: Record<Counted, number>;
  readonly rates: Readonly<Record<"ingress" | "egress", ByteRate>>;
  /** Since its first session. */
  readonly bytes: Record<"ingress" | "egress", number>;
  /** What it may use here: the limits, or its share of them. */
  bounds: TenantLimits;
}

/** Counts the sessions of each tenant and what they use. A tenant is the first segment of a token's root, or of the path without a token. */
export class Tenants {
  #limits: TenantLimits;
  readonly #now: () => number;
  readonly #shares: () => TenantShares | undefined;
  /** Tenants with sessions only, so the relay's bound on all sessions bounds this table. */
  readonly #tenants = new Map<string, Tenant>();

  /** `now` is in milliseconds of a clock that does not go back. `shares`: absent where the limits hold at this relay alone. */
  constructor(limits: TenantLimits, now: () => number, shares: () => TenantShares | undefined = () => undefined) {
    this.#limits = limits;
    this.#now = now;
    this.#shares = shares;
  }

  /** Changes the bounds. Counts stay; a tenant above a lower bound gets nothing new. */
  setLimits(limits: TenantLimits): void {
    this.#limits = limits;
    for (const name of this.#tenants.keys()) this.refresh(name);
  }

  /** The tenant's share of the limits has changed. */
  refresh(name: string): void {
    const tenant = this.#tenants.get(name);
    if (tenant === undefined) return;
    tenant.bounds = this.#boundsOf(name);
    for (const way of WAYS) tenant.rates[way].share(tenant.bounds[way], this.#limits[way], this.#now());
  }

  /** Tenants that have sessions. */
  names(): Iterable<string> {
    return this.#tenants.keys();
  }

  /** What the tenant uses; bytes since its first session. Zeros without sessions. */
  use(name: string): TenantLimits {
    const tenant = this.#tenants.get(name);
    return { sessions: 0, broadcasts: 0, subscriptions: 0, ingress: 0, egress: 0, ...tenant?.counts, ...tenant?.bytes };
  }

  /** Tenants that have sessions. */
  get size(): number {
    return this.#tenants.size;
  }

  /** Counts a session until it leaves. Throws {@link AuthError} `tenant_sessions`. */
  enter(name: string): Seat {
    const tenant = this.#tenants.get(name) ?? this.#fresh(name);
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
      spend: (way, bytes) => {
        tenant.bytes[way] += bytes;
        tenant.rates[way].spend(bytes, this.#now());
      },
      rate: (way) => this.#rate(tenant, way),
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

  #fresh(name: string): Tenant {
    const bounds = this.#boundsOf(name);
    const rate = (way: Way) => {
      const made = new ByteRate(this.#limits[way], this.#now());
      made.share(bounds[way], this.#limits[way], this.#now());
      return made;
    };
    const counts = { sessions: 0, broadcasts: 0, subscriptions: 0 };
    return {
      name,
      counts,
      rates: { ingress: rate("ingress"), egress: rate("egress") },
      bytes: { ingress: 0, egress: 0 },
      bounds,
    };
  }

  #boundsOf(name: string): TenantLimits {
    return this.#shares()?.bounds(name, this.#limits) ?? this.#limits;
  }

  /** Asks for more of what was refused, unless the limit itself is reached. */
  #fellShort({ name, bounds }: Tenant, what: keyof TenantLimits): void {
    if (bounds[what] < this.#limits[what]) this.#shares()?.short(name, what);
  }

  #take(tenant: Tenant, what: Counted): (() => void) | undefined {
    if (this.#limits[what] > 0 && tenant.counts[what] >= tenant.bounds[what]) {
      this.#fellShort(tenant, what);
      return undefined;
    }
    tenant.counts[what]++;
    return () => {
      tenant.counts[what]--;
    };
  }

  #rate(tenant: Tenant, way: Way): RateState {
    const state = tenant.rates[way].state(this.#now());
    if (state !== "free") this.#fellShort(tenant, way);
    return state;
  }
}
