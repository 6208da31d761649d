import type { Clock } from "../../moq/clock.ts";
import {
  isRate,
  type PerKind,
  perKind,
  TENANT_KINDS,
  type TenantGrant,
  type TenantKind,
  type TenantReport,
} from "./contract.ts";
import {
  type Claim,
  countCeiling,
  isRateWorthTelling,
  isWorthTelling,
  rateCeiling,
  rateTargets,
  type Sums,
  sumsOf,
} from "./division.ts";

/** Most reports that a root keeps, one for each tenant at each relay, of about 600 bytes each. Beyond, a relay gets no grants. */
export const MAX_TENANT_REPORTS = 100_000;

/** Milliseconds in which reports are gathered before the tenant's limits are divided again; the shorter one where a relay waits. */
const GATHER_MS = 100;
const HURRY_MS = 5;

/** Milliseconds after which every root has the report of a relay that follows a grant of another root. */
const NEWS_MS = 1_000;

export interface TenantBoardDeps {
  readonly clock: Clock;
  /**
   * Milliseconds after the start in which nothing is raised: relays that have not reported yet may use what another root, or an earlier
   * start of this one, let them.
   */
  readonly graceMs: number;
}

/** Gets the grants of one relay. */
export interface GrantWatcher {
  /** `before` is what it replaces. Without a grant, the relay has withdrawn the tenant. */
  granted(grant: TenantGrant | undefined, before: TenantGrant | undefined): void;
}

/** Ceilings that were raised, and when. */
interface Given {
  readonly at: number;
  readonly kind: TenantKind;
  readonly amount: number;
}

/** Notified of what relays report in sessions of this root. */
export interface ReportObserver {
  reported(node: string, report: TenantReport): void;
  ended(node: string, tenant: string): void;
}

interface Entry {
  readonly node: string;
  report: TenantReport;
  /** When another root reported it last; undefined while the relay reports in a session of this root. */
  heardAt: number | undefined;
  /** The last grant to the relay in the session that it asks in. */
  granted: TenantGrant | undefined;
}

interface Tenant {
  readonly entries: Map<string, Entry>;
  /** What this root gave lately, while relays ask other roots as well. */
  given: readonly Given[];
  /** When its limits are divided again, and how to call that off. */
  due: number | undefined;
  cancel: () => void;
}

/** What the relays report of tenants, and what this root grants to those that ask it. */
export class TenantBoard {
  readonly #deps: TenantBoardDeps;
  readonly #tenants = new Map<string, Tenant>();
  #observer: ReportObserver | undefined;
  readonly #watchers = new Map<string, Set<GrantWatcher>>();
  readonly #raisesAt: number;
  #reports = 0;
  #closed = false;

  constructor(deps: TenantBoardDeps) {
    this.#deps = deps;
    this.#raisesAt = deps.clock.now() + deps.graceMs;
  }

  get size(): number {
    return this.#tenants.size;
  }

  /** Each tenant with what all relays use, its limits as the first relay has them, and the number of its relays. */
  *totals(): Generator<{
    readonly tenant: string;
    readonly use: PerKind;
    readonly limit: PerKind;
    readonly relays: number;
  }> {
    for (const [tenant, { entries }] of this.#tenants) {
      const [first] = entries.values();
      if (first !== undefined)
        yield { tenant, use: totalOf(entries.values()), limit: first.report.limit, relays: entries.size };
    }
  }

  /** Returns a stop. */
  observe(observer: ReportObserver): () => void {
    this.#observer = observer;
    return () => {
      this.#observer = undefined;
    };
  }

  /** A relay reports, in place of its last report of the tenant. False when there are too many reports. */
  report(node: string, report: TenantReport): boolean {
    if (!this.#put(node, report, undefined)) return false;
    this.#observer?.reported(node, report);
    return true;
  }

  /** Another root has this report of a relay. What the relay reports here comes first. */
  adopt(node: string, report: TenantReport, now: number): void {
    const entry = this.#tenants.get(report.tenant)?.entries.get(node);
    if (entry === undefined || entry.heardAt !== undefined) this.#put(node, report, now);
  }

  /** Another root says that the relay has withdrawn the tenant. */
  abandon(node: string, tenant: string): void {
    if (this.#tenants.get(tenant)?.entries.get(node)?.heardAt !== undefined) this.#delete(tenant, node);
  }

  /** Forgets what no other root has reported since then. */
  abandonBefore(then: number): void {
    for (const [name, { entries }] of [...this.#tenants]) {
      for (const { node, heardAt } of [...entries.values()]) {
        if (heardAt !== undefined && heardAt < then) this.#delete(name, node);
      }
    }
  }

  /** The reports that relays make in sessions of this root. */
  *own(): Generator<{ readonly node: string; readonly report: TenantReport }> {
    for (const { entries } of this.#tenants.values())
      for (const entry of entries.values()) if (entry.heardAt === undefined) yield entry;
  }

  /** The session of the report is lost. What the relay uses counts on, until another root tells or its lease is over. */
  lost(node: string, report: TenantReport): void {
    const entry = this.#tenants.get(report.tenant)?.entries.get(node);
    if (entry?.report === report) entry.heardAt = this.#deps.clock.now();
  }

  #put(node: string, report: TenantReport, heardAt: number | undefined): boolean {
    const tenant = this.#tenants.get(report.tenant) ?? {
      entries: new Map<string, Entry>(),
      given: [],
      due: undefined,
      cancel: () => {},
    };
    const entry = tenant.entries.get(node);
    if (entry === undefined) {
      if (this.#reports >= MAX_TENANT_REPORTS) return false;
      this.#reports++;
      this.#tenants.set(report.tenant, tenant);
      tenant.entries.set(node, { node, report, heardAt, granted: undefined });
    }
    const follows = entry !== undefined && entry.report.seen !== report.seen;
    if (entry !== undefined) {
      entry.report = report;
      entry.heardAt = heardAt;
      // A relay that asks another root now says by itself which grants of this one it had followed.
      if (!this.#watchers.has(node)) entry.granted = undefined;
    }
    const waits = entry === undefined || report.wants.length > 0 || follows;
    this.#divideIn(report.tenant, tenant, waits ? HURRY_MS : GATHER_MS);
    return true;
  }

  /** The relay has no session of the tenant any more; `report` is its last one, so that an older end changes nothing. */
  end(node: string, report: TenantReport): void {
    if (this.#tenants.get(report.tenant)?.entries.get(node)?.report !== report) return;
    this.#delete(report.tenant, node);
    this.#observer?.ended(node, report.tenant);
  }

  /** The relay is gone, with all that it used. */
  drop(node: string): void {
    for (const tenant of [...this.#tenants.keys()]) this.#delete(tenant, node);
  }

  /** The relay asks this root: it gets grants from now on. Earlier ones are void, because it may have followed another root since. */
  watch(node: string, watcher: GrantWatcher): () => void {
    const watchers = this.#watchers.get(node) ?? new Set();
    this.#watchers.set(node, watchers.add(watcher));
    for (const [name, tenant] of this.#tenants) {
      const entry = tenant.entries.get(node);
      if (entry === undefined) continue;
      entry.granted = undefined;
      this.#divideIn(name, tenant, HURRY_MS);
    }
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#watchers.get(node) === watchers) this.#watchers.delete(node);
    };
  }

  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#tenants.values()) cancel();
  }

  #delete(name: string, node: string): void {
    const tenant = this.#tenants.get(name);
    const entry = tenant?.entries.get(node);
    if (tenant === undefined || entry === undefined) return;
    tenant.entries.delete(node);
    this.#reports--;
    if (entry.granted !== undefined) this.#sendGrant(node, undefined, entry.granted);
    if (tenant.entries.size > 0) this.#divideIn(name, tenant, GATHER_MS);
    else {
      tenant.cancel();
      this.#tenants.delete(name);
    }
  }

  #sendGrant(node: string, grant: TenantGrant | undefined, before: TenantGrant | undefined): void {
    for (const watcher of [...(this.#watchers.get(node) ?? [])]) watcher.granted(grant, before);
  }

  #divideIn(name: string, tenant: Tenant, ms: number): void {
    const now = this.#deps.clock.now();
    if (this.#closed || (tenant.due !== undefined && tenant.due <= now + ms)) return;
    tenant.cancel();
    tenant.due = now + ms;
    tenant.cancel = this.#deps.clock.timer(ms, () => {
      tenant.due = undefined;
      this.#divide(name, tenant);
    });
  }

  #divide(name: string, tenant: Tenant): void {
    const now = this.#deps.clock.now();
    const entries = [...tenant.entries.values()];
    const asking = entries.filter(({ node }) => this.#watchers.has(node));
    // Grants that are on their way are not replaced: the relay would follow them for a moment, unknown to this root.
    const settled = asking.filter(({ report, granted }) => granted === undefined || granted.number === report.seen);
    const part = asking.length / entries.length;
    const total = totalOf(entries);
    const raises = now >= this.#raisesAt;
    tenant.given = tenant.given.filter(({ at }) => now - at < NEWS_MS);
    const given: Given[] = [];
    const ceilings = TENANT_KINDS.map((kind) => {
      const recent = tenant.given.reduce((sum, one) => sum + (one.kind === kind ? one.amount : 0), 0);
      return divided(kind, entries, settled, {
        part,
        recent,
        raises,
        gave: (amount) => void given.push({ at: now, kind, amount }),
      });
    });
    if (part < 1) tenant.given = [...tenant.given, ...given];
    for (const [at, entry] of settled.entries()) {
      const mine = ceilings.map((kind) => kind[at]);
      // The first grant is an answer that the relay waits for.
      const first = raises && entry.granted === undefined;
      if (!first && !mine.some((one) => one?.tell === true)) continue;
      const ceiling = perKind((kind) => mine[TENANT_KINDS.indexOf(kind)]?.ceiling ?? 0);
      const { granted: before } = entry;
      entry.granted = { tenant: name, number: entry.report.seen + 1, ceiling, total };
      this.#sendGrant(entry.node, entry.granted, before);
    }
    const kept = tenant.given.length > 0 && entries.some(({ report }) => report.wants.length > 0);
    if (now < this.#raisesAt) this.#divideIn(name, tenant, this.#raisesAt - now);
    else if (kept) this.#divideIn(name, tenant, NEWS_MS);
  }
}

function totalOf(entries: Iterable<Entry>): PerKind {
  const reports = [...entries].map(({ report }) => report);
  return perKind((kind) => reports.reduce((sum, { use }) => sum + use[kind], 0));
}

/** The ceilings of one kind for the relays of `settled`, and whether the root must send each. */
function divided(
  kind: TenantKind,
  entries: readonly Entry[],
  settled: readonly Entry[],
  { part, recent, raises, gave }: DivisionOptions,
): { ceiling: number; tell: boolean }[] {
  const claims = new Map(entries.map((entry) => [entry, claimOf(entry, kind)]));
  const all = [...claims.values()];
  const sums = sumsOf(all, part, recent);
  const scarce = all.some(({ wants, limit }) => wants && sums.held >= limit);
  const targets = new Map<Entry, number>();
  if (isRate(kind)) {
    const limits = new Set(all.map(({ limit }) => limit));
    for (const limit of limits) {
      for (const [at, target] of rateTargets(all, limit).entries()) {
        const [entry, claim] = [entries[at], all[at]];
        if (entry !== undefined && claim?.limit === limit) targets.set(entry, target);
      }
    }
  }
  return settled.map((entry) => {
    const claim = claims.get(entry);
    if (claim === undefined || claim.limit === 0) return { ceiling: 0, tell: false };
    const first = raises && entry.granted === undefined;
    return decided(kind, claim, { sums, scarce, raises, gave, target: targets.get(entry), first });
  });
}

interface DivisionOptions {
  readonly part: number;
  readonly recent: number;
  readonly raises: boolean;
  readonly gave: (amount: number) => void;
}

interface Division extends Pick<DivisionOptions, "raises" | "gave"> {
  readonly sums: Sums;
  readonly scarce: boolean;
  /** Of a rate. */
  readonly target: number | undefined;
  /** The relay has no grant of this root yet. */
  readonly first: boolean;
}

function decided(kind: TenantKind, claim: Claim, division: Division): { ceiling: number; tell: boolean } {
  const { sums, scarce, raises, gave, target, first } = division;
  const wanted = target === undefined ? countCeiling(claim, sums) : rateCeiling(claim, target, sums);
  const ceiling = raises ? wanted : Math.min(wanted, claim.held);
  const tell = isRate(kind) ? isRateWorthTelling(claim, ceiling) : isWorthTelling(claim, ceiling, scarce);
  if (!tell && !first) return { ceiling: claim.ceiling, tell: false };
  const raised = Math.max(0, ceiling - claim.held);
  if (raised > 0) gave(raised);
  sums.held += raised;
  sums.recent += raised;
  return { ceiling, tell: true };
}

function claimOf({ report, granted }: Entry, kind: TenantKind): Claim {
  const { use, limit, wants, seen } = report;
  const under = granted !== undefined && granted.number > seen ? granted.ceiling[kind] : 0;
  const ceiling = Math.max(report.ceiling[kind], under);
  return {
    use: use[kind],
    ceiling,
    held: isRate(kind) ? ceiling : Math.max(use[kind], ceiling),
    limit: limit[kind],
    wants: wants.includes(kind),
  };
}
