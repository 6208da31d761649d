/** The sessions of tenants at a simulated relay: numbers, in place of real sessions, admitted as the program admits them. */
import { type PerKind, perKind, type TenantDesk, type TenantUsage } from "../../cluster/index.ts";

export class SimTenants implements TenantUsage {
  readonly #limit: PerKind;
  readonly #desk: () => TenantDesk | undefined;
  readonly #sessions = new Map<string, number>();
  /** Bytes that clients sent, and what they would send in a second. */
  readonly #bytes = new Map<string, number>();

  constructor(limit: PerKind, desk: () => TenantDesk | undefined) {
    this.#limit = limit;
    this.#desk = desk;
  }

  tenants(): Iterable<string> {
    return this.#sessions.keys();
  }

  of(tenant: string): { counts: PerKind; limit: PerKind } {
    const [sessions, ingress] = [this.sessions(tenant), this.#bytes.get(tenant) ?? 0];
    const counts = perKind((kind) => (kind === "sessions" ? sessions : kind === "ingress" ? ingress : 0));
    return { counts, limit: this.#limit };
  }

  changed(): void {}

  sessions(tenant: string): number {
    return this.#sessions.get(tenant) ?? 0;
  }

  /** What the tenant may use here now. */
  bounds(tenant: string): PerKind {
    return this.#desk()?.bounds(tenant, this.#limit) ?? this.#limit;
  }

  /** A client comes: false when it is refused. */
  enter(tenant: string): boolean {
    const now = this.sessions(tenant);
    if (now >= this.bounds(tenant).sessions) {
      this.#desk()?.short(tenant, "sessions");
      return false;
    }
    this.#sessions.set(tenant, now + 1);
    return true;
  }

  leave(tenant: string): void {
    const left = this.sessions(tenant) - 1;
    if (left > 0) this.#sessions.set(tenant, left);
    else this.#sessions.delete(tenant);
  }

  /** Clients would send at this rate, for `ms`; what goes beyond the bound is held back. Returns the bytes sent. */
  send(tenant: string, perSecond: number, ms: number): number {
    const bound = this.bounds(tenant).ingress;
    if (perSecond > bound) this.#desk()?.short(tenant, "ingress");
    const bytes = (Math.min(perSecond, bound) * ms) / 1_000;
    this.#bytes.set(tenant, (this.#bytes.get(tenant) ?? 0) + bytes);
    return bytes;
  }
}
