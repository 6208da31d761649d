import type { Clock } from "../../moq/clock.ts";
import {
  isCarried,
  isRate,
  type PerKind,
  perKind,
  TENANT_KINDS,
  type TenantGrant,
  type TenantKind,
  type TenantReport,
} from "./contract.ts";

/** Most tenants of one relay whose limits hold over the mesh. Those of further ones hold at this relay alone. */
export const MAX_TENANTS = 1_000;

/** Milliseconds between two reports of what tenants use. */
export const REPORT_MS = 1_000;
/** Milliseconds in which reports are gathered that a root is to get at once. */
const HURRY_MS = 5;
/** Milliseconds for a root's first answer. Until then a new tenant's sessions wait. */
export const ANSWER_MS = 500;
/** Milliseconds for which the mesh is still sent reports of a tenant without sessions, because clients reconnect. */
const LINGER_MS = 5_000;
/** Milliseconds for which a refusal counts as a wish for more. */
const WISH_MS = 2_000;
/** A rate is reported again when it has changed by this part of its limit. */
const RATE_STEP = 0.05;

/** The counts of tenants that the program gives, and the ceilings that it gets. */
export interface TenantUsage {
  /** Tenants with sessions. */
  tenants(): Iterable<string>;
  /** What the tenant uses: counts, and bytes since its first session; and its limits. Zeros for a tenant without sessions. */
  of(tenant: string): { readonly counts: PerKind; readonly limit: PerKind };
  /** {@link TenantDesk.bounds} has changed. */
  changed(tenant: string): void;
}

export interface TenantDeskDeps {
  readonly clock: Clock;
  readonly usage: TenantUsage;
  /** Tells the roots; `before` is what it replaces. */
  readonly report: (report: TenantReport, before: TenantReport | undefined) => void;
  readonly withdraw: (report: TenantReport) => void;
  /** Relays of the mesh that are known, this one included. */
  readonly relays: () => number;
  /** There are too many tenants, or a name is too long: the limits of one hold at this relay alone. */
  readonly refused: () => void;
}

interface Entry {
  readonly tenant: string;
  readonly since: number;
  grant: TenantGrant | undefined;
  report: TenantReport | undefined;
  /** When something of a kind was refused last. */
  readonly wishes: Map<TenantKind, number>;
  /** Bytes at the last report, and when that was. */
  bytes: PerKind | undefined;
  bytesAt: number;
  rates: PerKind;
  /** Since when it has no sessions. */
  idleSince: number | undefined;
  cancel: () => void;
}

/**
 * A relay's part in the limits of tenants that hold over the mesh: it reports what its tenants use, and follows what a root grants.
 * - Until the first answer of a root the tenant's sessions wait; after {@link ANSWER_MS} the relay takes an equal part of the limits.
 * - While no root can be asked, the last grant stays in force.
 * - Where the root is of an earlier version, the limits hold at this relay alone.
 */
export class TenantDesk {
  readonly #deps: TenantDeskDeps;
  readonly #entries = new Map<string, Entry>();
  readonly #hurried = new Set<Entry>();
  /** Whether the root that is asked grants; undefined until one was heard. */
  #granting: boolean | undefined;
  #rooted = false;
  /** A root was asked at least once, so other relays are known. */
  #everRooted = false;
  #cancelTick: (() => void) | undefined;
  #cancelHurry: (() => void) | undefined;
  #closed = false;

  constructor(deps: TenantDeskDeps) {
    this.#deps = deps;
  }

  /** Tenants whose limits hold over the mesh. */
  get size(): number {
    return this.#entries.size;
  }

  /** What the tenant may use at this relay now. `limit`: its limits; a limit of 0 is no bound. */
  bounds(tenant: string, limit: PerKind): PerKind {
    if (this.#granting === false || !TENANT_KINDS.some((kind) => limit[kind] > 0)) return limit;
    const entry = this.#entries.get(tenant) ?? this.#open(tenant);
    return entry === undefined ? limit : this.#boundsOf(entry, limit);
  }

  /** Something of the tenant was refused although its limit may not be reached in the mesh: more is asked for. */
  short(tenant: string, kind: TenantKind): void {
    const entry = this.#entries.get(tenant);
    if (entry === undefined) return;
    const before = entry.wishes.get(kind) ?? Number.NEGATIVE_INFINITY;
    const now = this.#deps.clock.now();
    entry.wishes.set(kind, now);
    if (now - before >= WISH_MS || entry.report?.wants.includes(kind) !== true) this.#hurry(entry);
  }

  /** False when a refusal of this kind is final for now: the mesh uses the whole limit. */
  mayGrow(tenant: string, kind: TenantKind, limit: number): boolean {
    const entry = this.#entries.get(tenant);
    if (entry === undefined || this.#granting === false) return false;
    if (entry.grant !== undefined) return this.#rooted && entry.grant.total[kind] < limit;
    return this.#deps.clock.now() - entry.since < ANSWER_MS;
  }

  granted(grant: TenantGrant): void {
    const entry = this.#entries.get(grant.tenant);
    if (entry === undefined || grant.number <= (entry.grant?.number ?? 0)) return;
    entry.grant = grant;
    this.#deps.usage.changed(grant.tenant);
    this.#hurry(entry);
  }

  /** Whether a root can be asked. */
  rooted(up: boolean): void {
    this.#rooted = up;
    this.#everRooted ||= up;
  }

  /** Whether the root that is asked grants. One that does not is of an earlier version. */
  answers(granting: boolean): void {
    if (this.#granting === granting) return;
    this.#granting = granting;
    if (!granting) for (const entry of [...this.#entries.values()]) this.#forget(entry);
    for (const tenant of [...this.#deps.usage.tenants()]) this.#deps.usage.changed(tenant);
  }

  close(): void {
    this.#closed = true;
    this.#cancelTick?.();
    this.#cancelHurry?.();
    for (const { cancel } of this.#entries.values()) cancel();
  }

  #open(tenant: string): Entry | undefined {
    if (this.#closed || !isCarried(tenant) || this.#entries.size >= MAX_TENANTS) {
      this.#deps.refused();
      return undefined;
    }
    const { clock, usage } = this.#deps;
    const none = perKind(() => 0);
    const now = clock.now();
    const entry: Entry = {
      tenant,
      since: now,
      grant: undefined,
      report: undefined,
      wishes: new Map(),
      bytes: undefined,
      bytesAt: now,
      rates: none,
      idleSince: now,
      cancel: clock.timer(ANSWER_MS, () => {
        if (entry.grant === undefined) usage.changed(tenant);
        this.#hurry(entry);
      }),
    };
    this.#entries.set(tenant, entry);
    this.#cancelTick ??= clock.timer(REPORT_MS, () => this.#tick());
    this.#hurry(entry);
    return entry;
  }

  #boundsOf({ grant, since, tenant }: Entry, limit: PerKind): PerKind {
    if (grant !== undefined) return perKind((kind) => Math.min(limit[kind], grant.ceiling[kind]));
    const waiting = (this.#rooted || !this.#everRooted) && this.#deps.clock.now() - since < ANSWER_MS;
    const relays = Math.max(1, this.#deps.relays());
    const used = this.#deps.usage.of(tenant).counts.sessions;
    return perKind((kind) =>
      waiting && kind === "sessions" ? Math.min(limit[kind], used) : Math.ceil(limit[kind] / relays),
    );
  }

  #hurry(entry: Entry): void {
    if (this.#closed) return;
    this.#hurried.add(entry);
    this.#cancelHurry ??= this.#deps.clock.timer(HURRY_MS, () => {
      this.#cancelHurry = undefined;
      for (const one of this.#hurried) if (this.#entries.get(one.tenant) === one) this.#report(one);
      this.#hurried.clear();
    });
  }

  #tick(): void {
    this.#cancelTick = undefined;
    const now = this.#deps.clock.now();
    for (const entry of [...this.#entries.values()]) {
      this.#measure(entry, now);
      const { counts, limit } = this.#deps.usage.of(entry.tenant);
      const limited = TENANT_KINDS.some((kind) => limit[kind] > 0);
      const wishes = [...entry.wishes.values()].some((at) => now - at < WISH_MS);
      if (counts.sessions > 0 || wishes) entry.idleSince = undefined;
      else entry.idleSince ??= now;
      const idle = entry.idleSince !== undefined && now - entry.idleSince >= LINGER_MS;
      // Without limits, there is nothing that the mesh has to know.
      if (!limited || idle) this.#forget(entry);
      else this.#report(entry);
    }
    if (this.#entries.size > 0) this.#cancelTick = this.#deps.clock.timer(REPORT_MS, () => this.#tick());
  }

  #measure(entry: Entry, now: number): void {
    const { counts } = this.#deps.usage.of(entry.tenant);
    const { bytes: before, bytesAt } = entry;
    const seconds = (now - bytesAt) / 1_000;
    if (before !== undefined && seconds > 0) {
      // The count begins at 0 again with the tenant's first session.
      entry.rates = perKind((kind) => Math.max(0, Math.round((counts[kind] - before[kind]) / seconds)));
    }
    entry.bytes = counts;
    entry.bytesAt = now;
  }

  #forget(entry: Entry): void {
    entry.cancel();
    this.#entries.delete(entry.tenant);
    if (entry.report !== undefined) this.#deps.withdraw(entry.report);
  }

  #report(entry: Entry): void {
    const { usage, clock } = this.#deps;
    const { tenant, grant, report: before, rates } = entry;
    const { counts, limit } = usage.of(tenant);
    const now = clock.now();
    const report: TenantReport = {
      tenant,
      seen: grant?.number ?? 0,
      use: perKind((kind) => (isRate(kind) ? rates[kind] : counts[kind])),
      ceiling: this.#boundsOf(entry, limit),
      limit,
      wants: TENANT_KINDS.filter((kind) => now - (entry.wishes.get(kind) ?? Number.NEGATIVE_INFINITY) < WISH_MS),
    };
    if (before !== undefined && isSame(before, report)) return;
    entry.report = report;
    this.#deps.report(report, before);
  }
}

function isSame(a: TenantReport, b: TenantReport): boolean {
  if (a.seen !== b.seen || a.wants.join() !== b.wants.join()) return false;
  return TENANT_KINDS.every((kind) => {
    if (a.limit[kind] !== b.limit[kind] || a.ceiling[kind] !== b.ceiling[kind]) return false;
    const step = isRate(kind) ? b.limit[kind] * RATE_STEP : 0;
    return Math.abs(a.use[kind] - b.use[kind]) <= step;
  });
}
