import { AuthError } from "../error.ts";
import { Bucket } from "./bucket.ts";

/** Seconds of its rate that a quiet tenant may use at once: a key frame, or many viewers that join together. */
const BURST_S = 2;
/** Seconds of its rate that a tenant may exceed its bound by: transfers that began before the bound was reached go on that long. */
const MAX_DEBT_S = 10;

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
  /** `free`: within the rate. `over`: above it, so nothing new may begin. `owing`: so far above that what runs must stop. */
  rate(way: "ingress" | "egress"): "free" | "over" | "owing";
  /** Ends the session and everything that it counts. */
  leave(): void;
}

interface Tenant {
  readonly counts: Record<Counted, number>;
  buckets: Readonly<Record<"ingress" | "egress", Bucket>>;
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
    const rates = limits.ingress !== this.#limits.ingress || limits.egress !== this.#limits.egress;
    this.#limits = limits;
    if (rates) for (const tenant of this.#tenants.values()) tenant.buckets = this.#buckets();
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
      spend: (way, bytes) => {
        if (this.#limits[way] > 0) tenant.buckets[way].spend(bytes, this.#now());
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

  #fresh(): Tenant {
    return { counts: { sessions: 0, broadcasts: 0, subscriptions: 0 }, buckets: this.#buckets() };
  }

  #buckets(): Tenant["buckets"] {
    const { ingress, egress } = this.#limits;
    const bucket = (rate: number) => new Bucket(rate, rate * BURST_S, this.#now());
    return { ingress: bucket(ingress), egress: bucket(egress) };
  }

  #take(tenant: Tenant, what: Counted): (() => void) | undefined {
    const most = this.#limits[what];
    if (most > 0 && tenant.counts[what] >= most) return undefined;
    tenant.counts[what]++;
    return () => {
      tenant.counts[what]--;
    };
  }

  #rate(tenant: Tenant, way: "ingress" | "egress"): "free" | "over" | "owing" {
    const most = this.#limits[way];
    if (most === 0) return "free";
    const level = tenant.buckets[way].level(this.#now());
    if (level >= 0) return "free";
    return level < -most * MAX_DEBT_S ? "owing" : "over";
  }
}
