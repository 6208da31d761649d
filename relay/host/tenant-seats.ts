import { AuthError, type Seat, type TenantLimits, type TenantShares, Tenants } from "../../auth/index.ts";
import type { TenantUsage } from "../../cluster/index.ts";
import type { Clock } from "../../moq/clock.ts";

/** Milliseconds that a session waits for a higher ceiling; a root answers within one round trip. */
const WAIT_MS = 750;

/** Sessions that wait at once. Further ones are refused without a wait. */
const MAX_WAITING = 1_024;

/** What divides the limits of tenants between the relays of a mesh. */
export interface TenantDivision extends TenantShares {
  /** False when a refusal is final for now: the mesh uses the whole limit. */
  mayGrow(tenant: string, what: "sessions", limit: number): boolean;
}

export interface TenantSeatsDeps {
  readonly clock: Clock;
  /** Absent: the limits hold at this relay alone. */
  readonly division: () => TenantDivision | undefined;
}

const NO_LIMITS: TenantLimits = { sessions: 0, broadcasts: 0, subscriptions: 0, ingress: 0, egress: 0 };

/** The sessions of tenants. Where limits hold over a mesh, a session may wait until a root lets this relay have more. */
export class TenantSeats implements TenantUsage {
  readonly #deps: TenantSeatsDeps;
  readonly #tenants: Tenants;
  #limits: TenantLimits;
  /** The limits hold over the mesh. */
  #overMesh: boolean;
  /** By tenant: what wakes the sessions that wait for its bounds to change. */
  readonly #waiting = new Map<string, Set<() => void>>();
  #waiters = 0;

  constructor(deps: TenantSeatsDeps, limits: TenantLimits, overMesh: boolean) {
    this.#deps = deps;
    this.#limits = limits;
    this.#overMesh = overMesh;
    this.#tenants = new Tenants(
      limits,
      () => deps.clock.now(),
      () => this.#division,
    );
  }

  /** Counts stay; a tenant above a lower bound gets nothing new. */
  setLimits(limits: TenantLimits, overMesh: boolean): void {
    this.#limits = limits;
    this.#overMesh = overMesh;
    this.#tenants.setLimits(limits);
  }

  /** Counts a session until it leaves. Rejects with {@link AuthError} `tenant_sessions`. */
  async enter(tenant: string): Promise<Seat> {
    const { clock } = this.#deps;
    const until = clock.now() + WAIT_MS;
    for (;;) {
      try {
        return this.#tenants.enter(tenant);
      } catch (error) {
        const full = error instanceof AuthError && error.code === "tenant_sessions";
        const mayGrow = this.#division?.mayGrow(tenant, "sessions", this.#limits.sessions) === true;
        if (!full || !mayGrow || clock.now() >= until || this.#waiters >= MAX_WAITING) throw error;
        await this.#changed(tenant, until - clock.now());
      }
    }
  }

  tenants(): Iterable<string> {
    return this.#tenants.names();
  }

  of(tenant: string) {
    return { counts: this.#tenants.use(tenant), limit: this.#overMesh ? this.#limits : NO_LIMITS };
  }

  changed(tenant: string): void {
    this.#tenants.refresh(tenant);
    for (const wake of [...(this.#waiting.get(tenant) ?? [])]) wake();
  }

  get #division(): TenantDivision | undefined {
    return this.#overMesh ? this.#deps.division() : undefined;
  }

  /** Resolves when the bounds of the tenant have changed, or after `ms`. */
  async #changed(tenant: string, ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(tenant) ?? new Set();
    this.#waiting.set(tenant, waiting.add(resolve));
    this.#waiters++;
    const cancel = this.#deps.clock.timer(ms, resolve);
    await promise;
    cancel();
    this.#waiters--;
    waiting.delete(resolve);
    if (waiting.size === 0 && this.#waiting.get(tenant) === waiting) this.#waiting.delete(tenant);
  }
}
