import type { Clock } from "../../relay/clock.ts";
import { type Holding, NODE_NAME, type NodeInfo } from "../contract.ts";
import type { BackendEvents, NodeChange, RegistryBackend, RegistryObserver, StoredNode, Versions } from "./contract.ts";
import { encodeInfo, sameHolding } from "./record.ts";
import type { Registry } from "./registry.ts";

/** Milliseconds between two comparisons of all that is kept: what messages that got lost cost at most. */
const RECONCILE_MS = 2_000;
/** Milliseconds in which changes gather into one write. */
const GATHER_MS = 10;
/** Broadcasts that one write has. */
const BATCH = 500;
/** Paths that wait to be written; more are found by comparison. */
const MAX_WAITING = 200_000;
/** Milliseconds by which two leases of one relay may differ for other reasons than another root's renewal. */
const LEASE_SLACK_MS = 500;

/** Counted for the metrics. */
export interface SharingCounters {
  /** Writes that the backend took. */
  writes: number;
  /** Calls that failed. */
  errors: number;
  /** Things read that no root wrote. */
  strange: number;
  /** Milliseconds that the last comparison took. */
  reconcileMs: number;
}

export interface SharingDeps {
  readonly registry: Registry;
  readonly backend: RegistryBackend;
  readonly clock: Clock;
  readonly leaseMs: number;
  /** Told when it goes and when it is back. */
  readonly told: (up: boolean, why: string) => void;
}

/**
 * Keeps the registry of a root and a backend alike: writes what sessions of this root say, and speaks in the registry for relays that
 * other roots wrote. While the backend is gone all stays as it is; what counts then is the state, so there is no queue.
 */
export class SharedRegistry implements RegistryObserver, BackendEvents {
  readonly counters: SharingCounters = { writes: 0, errors: 0, strange: 0, reconcileMs: 0 };
  readonly #deps: SharingDeps;
  /** Speaks for what others wrote. */
  readonly #others = {};
  readonly #dirty = new Map<string, Set<string>>();
  #waiting = 0;
  readonly #withdrawn = new Map<string, { startedAt: number; until: number }>();
  /** Version that our state of a relay is known to be of. */
  readonly #versions = new Map<string, string>();
  readonly #renewed = new Map<string, number>();
  /** Kept, not known here, at the last comparison: gone at the next, as it may just not have been heard yet. */
  readonly #extra = new Map<string, ReadonlySet<string>>();
  #instance = "";
  #graceUntil = 0;
  #up = false;
  #saidDown = false;
  #busy = false;
  #again = false;
  #closed = false;
  #cancelGather: (() => void) | undefined;
  #cancelTick = () => {};

  constructor(deps: SharingDeps) {
    this.#deps = deps;
  }

  get connected(): boolean {
    return this.#up;
  }

  start(): void {
    this.#deps.registry.observe(this);
    this.#deps.backend.start(this);
    this.#tick();
  }

  close(): void {
    this.#closed = true;
    this.#cancelTick();
    this.#cancelGather?.();
    this.#deps.backend.close();
  }

  registered(node: string, session: object): void {
    if (session === this.#others) return;
    this.#withdrawn.delete(node);
    this.#mark(node);
  }

  held(path: string, node: string, session: object): void {
    if (session !== this.#others) this.#mark(node, path);
  }

  withdrawn(what: NodeInfo | string, by: object | number): void {
    if (typeof what === "string") {
      const known = this.#deps.registry.get(what);
      this.#versions.delete(what);
      if (known !== undefined && known.startedAt <= Number(by)) this.#deps.registry.evict(what);
      return;
    }
    if (by === this.#others) return;
    this.#unmark(what.node);
    this.#withdrawn.set(what.node, { startedAt: what.startedAt, until: this.#deps.clock.now() + this.#deps.leaseMs });
    this.#gather();
  }

  lost(node: string): void {
    this.#unmark(node);
    this.#versions.delete(node);
  }

  up(): void {
    this.#up = true;
    this.#saidDown = false;
    this.#graceUntil = this.#deps.clock.now() + this.#deps.leaseMs;
    this.#versions.clear();
    this.#deps.told(true, "");
    void this.#work(true);
  }

  down(why: string): void {
    this.#up = false;
    if (!this.#saidDown) this.#deps.told(false, why);
    this.#saidDown = true;
  }

  strange(): void {
    this.counters.strange++;
  }

  changed(change: NodeChange, { before, after }: Versions): void {
    const { registry } = this.#deps;
    const { node } = change.info;
    const known = this.#versions.get(node);
    if (this.#ours(node)) {
      if (known === before && this.#agrees(change)) this.#versions.set(node, after);
      return;
    }
    const speaks = registry.speaker(node) === this.#others;
    if (speaks ? known === before : before === "" && registry.get(node) === undefined) {
      if (this.#register(change.info)) {
        for (const holding of change.holdings) registry.hold(holding, this.#others);
        for (const path of change.released) registry.release(path, node, this.#others);
        this.#versions.set(node, after);
      }
    } else if (known !== after) {
      this.#versions.delete(node);
      void this.#work(true);
    }
  }

  #ours(node: string): boolean {
    const speaker = this.#deps.registry.speaker(node);
    return speaker !== undefined && speaker !== this.#others;
  }

  #agrees({ info, holdings, released }: NodeChange): boolean {
    const { registry } = this.#deps;
    return (
      registry.get(info.node)?.startedAt === info.startedAt &&
      holdings.every((one) => sameHolding(one, registry.holding(one.path, one.node))) &&
      released.every((path) => registry.holding(path, info.node) === undefined)
    );
  }

  #mark(node: string, path?: string): void {
    const paths = this.#dirty.get(node) ?? new Set<string>();
    this.#dirty.set(node, paths);
    if (path !== undefined && !paths.has(path) && this.#waiting < MAX_WAITING) {
      paths.add(path);
      this.#waiting++;
    }
    this.#gather();
  }

  #unmark(node: string): void {
    this.#waiting -= this.#dirty.get(node)?.size ?? 0;
    this.#dirty.delete(node);
  }

  #gather(): void {
    if (this.#closed || !this.#up) return;
    this.#cancelGather ??= this.#deps.clock.timer(GATHER_MS, () => {
      this.#cancelGather = undefined;
      void this.#work(false);
    });
  }

  #tick(): void {
    const wait = Math.min(RECONCILE_MS, this.#deps.leaseMs / 4);
    this.#cancelTick = this.#deps.clock.timer(wait, () => {
      this.#tick();
      if (this.#up) void this.#work(true);
    });
  }

  /** One at a time: writes what waits, and compares where that is asked for. Never rejects. */
  async #work(compare: boolean): Promise<void> {
    if (this.#busy) {
      this.#again ||= compare;
      return;
    }
    this.#busy = true;
    const from = this.#deps.clock.now();
    try {
      await this.#write();
      if (compare) {
        await this.#renew();
        await this.#take();
        await this.#write();
        this.counters.reconcileMs = this.#deps.clock.now() - from;
      }
    } catch {
      // What was not written is found at the next comparison.
      this.counters.errors++;
    }
    this.#busy = false;
    const again = this.#again;
    this.#again = false;
    if (again && this.#up && !this.#closed) void this.#work(true);
    else if (this.#dirty.size + this.#withdrawn.size > 0) this.#gather();
  }

  async #write(): Promise<void> {
    const { backend, clock } = this.#deps;
    for (const [node, { startedAt, until }] of [...this.#withdrawn]) {
      if (clock.now() < until) await backend.remove(node, startedAt);
      if (this.#withdrawn.get(node)?.until === until) this.#withdrawn.delete(node);
    }
    for (const [node, paths] of [...this.#dirty]) {
      if (!this.#ours(node)) {
        this.#unmark(node);
        continue;
      }
      const all = [...paths];
      for (let at = 0; at === 0 || at < all.length; at += BATCH) await this.#put(node, all.slice(at, at + BATCH));
      if (this.#dirty.get(node)?.size === 0) this.#dirty.delete(node);
    }
  }

  async #put(node: string, paths: readonly string[]): Promise<void> {
    const { registry, backend, clock, leaseMs } = this.#deps;
    const info = registry.get(node);
    if (info === undefined) return;
    const waiting = this.#dirty.get(node);
    for (const path of paths) if (waiting?.delete(path)) this.#waiting--;
    const holdings: Holding[] = [];
    const released: string[] = [];
    for (const path of paths) {
      const holding = registry.holding(path, node);
      if (holding === undefined) released.push(path);
      else holdings.push(holding);
    }
    const now = clock.now();
    try {
      const versions = await backend.put({ info, holdings, released }, leaseMs);
      this.counters.writes++;
      if (versions === undefined) return;
      this.#renewed.set(node, now);
      if (versions.before === "" && paths.length < registry.size(node)) {
        // It had expired, or was lost: all of it goes there again.
        this.#versions.delete(node);
        for (const path of registry.paths(node)) if (!paths.includes(path)) this.#mark(node, path);
      } else if (versions.before === (this.#versions.get(node) ?? "")) this.#versions.set(node, versions.after);
      else this.#versions.delete(node);
    } catch (error) {
      for (const path of paths) this.#mark(node, path);
      throw error;
    }
  }

  /** Leases of what is registered here, and whether what is kept of it is right. */
  async #renew(): Promise<void> {
    const { registry, backend, clock, leaseMs } = this.#deps;
    for (const [node, at] of this.#renewed) if (clock.now() - at > leaseMs) this.#renewed.delete(node);
    const own = [...registry.nodes()].map(({ info }) => info).filter(({ node }) => this.#ours(node));
    const now = clock.now();
    const versions = await Promise.all(own.map((info) => backend.renew(info, leaseMs)));
    for (const [n, info] of own.entries()) {
      const version = versions[n];
      if (version !== undefined) this.#renewed.set(info.node, now);
      if (version === undefined || version !== this.#versions.get(info.node)) await this.#compare(info.node);
    }
  }

  async #compare(node: string): Promise<void> {
    const { registry, backend } = this.#deps;
    const stored = await backend.read(node);
    const info = registry.get(node);
    if (info === undefined || !this.#ours(node)) return;
    if (stored !== undefined && stored.info.startedAt > info.startedAt) {
      this.#apply(stored);
      return;
    }
    let alike = stored !== undefined && encodeInfo(stored.info) === encodeInfo(info);
    const wrong = (path?: string) => {
      alike = false;
      this.#mark(node, path);
    };
    if (!alike) wrong();
    for (const path of registry.paths(node)) {
      if (!sameHolding(registry.holding(path, node), stored?.holdings.get(path))) wrong(path);
    }
    const extra = new Set([...(stored?.holdings.keys() ?? [])].filter((path) => !registry.holding(path, node)));
    const before = this.#extra.get(node);
    this.#extra.delete(node);
    if (extra.size > 0) {
      alike = false;
      this.#extra.set(node, extra);
      if (registry.settled(node)) for (const path of extra) if (before?.has(path)) wrong(path);
    }
    if (alike && stored !== undefined) this.#versions.set(node, stored.version);
    else if (stored === undefined) this.#versions.delete(node);
    else this.#versions.delete(node);
  }

  /** What others registered. */
  async #take(): Promise<void> {
    const { registry, backend, clock, leaseMs } = this.#deps;
    const { instance, nodes } = await backend.list();
    if (instance !== this.#instance) this.#graceUntil = clock.now() + leaseMs;
    this.#instance = instance;
    const listed = new Set<string>();
    for (const { node, version, leftMs } of nodes) {
      listed.add(node);
      if (this.#ours(node) || this.#withdrawn.has(node) || !NODE_NAME.test(node)) continue;
      const speaks = registry.speaker(node) === this.#others;
      if (speaks && this.#versions.get(node) === version) continue;
      // A relay lost here is believed to be elsewhere when somebody else renewed its lease.
      const own = this.#renewed.get(node);
      const rest = own === undefined ? -1 : leaseMs - (clock.now() - own) + LEASE_SLACK_MS;
      if (!speaks && registry.get(node) !== undefined && leftMs <= rest) continue;
      const stored = await backend.read(node);
      if (stored !== undefined && !this.#ours(node) && !this.#withdrawn.has(node)) this.#apply(stored);
    }
    if (clock.now() < this.#graceUntil) return;
    for (const { info } of [...registry.nodes()]) {
      if (registry.speaker(info.node) !== this.#others || listed.has(info.node)) continue;
      this.#versions.delete(info.node);
      registry.evict(info.node);
    }
  }

  #register(info: NodeInfo): boolean {
    const { registry } = this.#deps;
    const known = registry.get(info.node);
    const same = known !== undefined && registry.speaker(info.node) === this.#others;
    if (same && encodeInfo(known) === encodeInfo(info)) return true;
    if (!registry.register(info, this.#others)) return false;
    registry.rest(info.node, this.#others);
    return true;
  }

  #apply({ version, info, holdings }: StoredNode): void {
    const { registry } = this.#deps;
    const { node } = info;
    if (!this.#register(info)) return;
    // A relay is written in parts: what is missing just after all was lost may be about to come.
    const filling = this.#deps.clock.now() < this.#graceUntil;
    const missing = [...registry.paths(node)].filter((path) => !holdings.has(path));
    if (!filling) for (const path of missing) registry.release(path, node, this.#others);
    for (const holding of holdings.values()) {
      if (!sameHolding(holding, registry.holding(holding.path, node))) registry.hold(holding, this.#others);
    }
    if (!filling || missing.length === 0) this.#versions.set(node, version);
  }
}
