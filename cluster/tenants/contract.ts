/** Words of the limits of tenants that hold over all relays of a mesh. docs/tenant-limits.md has the rules and the proof. */

/** What of a tenant is bounded, in the order of the wire: three counts, then bytes a second. */
export const TENANT_KINDS = ["sessions", "broadcasts", "subscriptions", "ingress", "egress"] as const;
export type TenantKind = (typeof TENANT_KINDS)[number];

/** A number for each kind. Of a limit, 0 is no bound. */
export type PerKind = Readonly<Record<TenantKind, number>>;

/** Longest name of a tenant that the mesh carries, in bytes of its JSON: with the numbers it fits into a path. */
export const MAX_TENANT_BYTES = 256;

/** What one relay says of one tenant to the roots. */
export interface TenantReport {
  readonly tenant: string;
  /** The number of the last grant that the relay follows; 0 for none. */
  readonly seen: number;
  /** What its sessions use now. */
  readonly use: PerKind;
  /** What it lets them use at most. */
  readonly ceiling: PerKind;
  /** The limits of the whole mesh, as this relay is configured. */
  readonly limit: PerKind;
  /** Kinds of which it had to refuse something in the last 2 s. */
  readonly wants: readonly TenantKind[];
}

/** What a root lets one relay use of one tenant's limits. */
export interface TenantGrant {
  readonly tenant: string;
  /** One more than the last grant that the relay followed. */
  readonly number: number;
  readonly ceiling: PerKind;
  /** What all relays use together. */
  readonly total: PerKind;
}

export function isCarried(tenant: string): boolean {
  return new TextEncoder().encode(JSON.stringify(tenant)).length <= MAX_TENANT_BYTES;
}

/** Makes a number for each kind. */
export function perKind(of: (kind: TenantKind) => number): PerKind {
  return {
    sessions: of("sessions"),
    broadcasts: of("broadcasts"),
    subscriptions: of("subscriptions"),
    ingress: of("ingress"),
    egress: of("egress"),
  };
}

/** True for bytes a second, which change all the time and can be taken back at once. */
export function isRate(kind: TenantKind): boolean {
  return kind === "ingress" || kind === "egress";
}
