import type { Clock } from "../../moq/clock.ts";
import { type Holding, NODE_NAME, type NodeInfo } from "../contract.ts";
import type { BackendEvents, NodeChange, RegistryBackend, RegistryObserver, StoredNode, Versions } from "./contract.ts";
import { LEASE_SLACK_MS, NewerStarts } from "./newer-start.ts";
import { PendingWrites } from "./pending-writes.ts";
import { encodeInfo, sameHolding } from "./record.ts";
import type { Registry } from "./registry.ts";

/** Milliseconds between two comparisons of all that is kept: what messages that got lost cost at most. */
const RECONCILE_MS = 2_000;
/** Milliseconds in which changes gather into one write. */
const GATHER_MS = 10;
/** Broadcasts that one write has. */
const BATCH = 500;

/** Relays of which is remembered that they left while others are read. */
const MAX_LEFT = 10_000;

/** Counted for the metrics. */
export interface ReplicationCounters {
  /** Writes that the backend took. */
  writes: number;
  /** Calls that failed. */
  errors: number;
  /** Things read that no root wrote. */
  strange: number;
  /** Milliseconds that the last comparison took. */
  reconcileMs: number;
}

export interface ReplicatedRegistryDeps {
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
export class ReplicatedRegistry implements RegistryObserver, BackendEvents {
  readonly counters: ReplicationCounters = { writes: 0, errors: 0, strange: 0, reconcileMs: 0 };
  readonly #deps: ReplicatedRegistryDeps;
  /** Speaks for what others wrote. */
  readonly #others = {};
  readonly #waiting = new PendingWrites();
  readonly #withdrawn = new Map<string, { startedAt: number; until: number }>();
  /** Version that our state of a relay is known to be of, but for what waits to be written. */
  readonly #versions = new Map<string, string>();
  readonly #renewed = new Map<string, number>();
  readonly #later: NewerStarts;
  /** Left on purpose since the comparison began that is under way. */
  readonly #left = new Map<string, number>();
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

  constructor(deps: ReplicatedRegistryDeps) {
    this.#deps = deps;
    this.#later = new NewerStarts(deps.leaseMs);
  }

  get connected(): boolean {
    return this.#up;
  }

  start(): void {
    this.#deps.registry.observe(this, this.#others);
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
      if (this.#busy && this.#left.size < MAX_LEFT) this.#left.set(what, Number(by));
      if (known === undefined || known.startedAt > Number(by)) return;
      const ours = this.#ours(what);
      this.#deps.registry.evict(what);
      // A write of ours may be under way, and come after the removal.
      if (ours) this.#remove(known);
      return;
    }
    if (by !== this.#others) this.#remove(what);
  }

  lost(node: string): void {
    this.#drop(node);
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

  changed(change: NodeChange, { before, after, partial }: Versions): void {
    const { registry } = this.#deps;
    const { node } = change.info;
    const known = this.#versions.get(node);
    if (this.#ours(node)) {
      // Whoever left it partial may not come to complete it.
      if (partial) this.#versions.delete(node);
      else if (known === before && this.#agrees(change)) this.#versions.set(node, after);
      return;
    }
    // Lost here, it is at another root, which speaks of it.
    if ((registry.get(node)?.startedAt ?? 0) <= change.info.startedAt) this.#renewed.delete(node);
    const speaks = registry.speaker(node) === this.#others;
    if (speaks ? known === before : before === "" && registry.get(node) === undefined) {
      if (this.#register(change.info)) {
        for (const holding of change.holdings) registry.hold(holding, this.#others);
        for (const path of change.released) registry.release(path, node, this.#others);
        this.#versions.set(node, after);
      }
    } else if (known !== after) {
      this.#versions.delete(node);
      // There is more to come, and it is read at the end of it.
      if (!partial) void this.#work(true);
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
    this.#waiting.add(node, path);
    this.#gather();
  }

  /** It is not this root any more that speaks for it. */
  #drop(node: string): void {
    this.#waiting.delete(node);
    this.#versions.delete(node);
    this.#later.delete(node);
    this.#extra.delete(node);
  }

  #remove({ node, startedAt }: NodeInfo): void {
    this.#drop(node);
    this.#withdrawn.set(node, { startedAt, until: this.#deps.clock.now() + this.#deps.leaseMs });
    this.#gather();
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
    else if (this.#waiting.size + this.#withdrawn.size > 0) this.#gather();
  }

  async #write(): Promise<void> {
    const { backend, clock } = this.#deps;
    for (const [node, { startedAt, until }] of [...this.#withdrawn]) {
      if (clock.now() < until) await backend.remove(node, startedAt);
      if (this.#withdrawn.get(node)?.until === until) this.#withdrawn.delete(node);
    }
    for (const [node, all] of this.#waiting.nodes()) {
      if (!this.#ours(node)) {
        this.#waiting.delete(node);
        continue;
      }
      for (let at = 0; at === 0 || at < all.length; at += BATCH) await this.#put(node, all.slice(at, at + BATCH));
      this.#waiting.written(node);
    }
  }

  async #put(node: string, paths: readonly string[]): Promise<void> {
    const { registry, backend, clock, leaseMs } = this.#deps;
    const info = registry.get(node);
    if (info === undefined) return;
    this.#waiting.take(node, paths);
    const holdings: Holding[] = [];
    const released: string[] = [];
    for (const path of paths) {
      const holding = registry.holding(path, node);
      if (holding === undefined) released.push(path);
      else holdings.push(holding);
    }
    const now = clock.now();
    try {
      const known = this.#versions.get(node) ?? "";
      const rest = holdings.length === registry.size(node) ? "whole" : "last";
      const settled = registry.settled(node);
      const part = this.#waiting.more(node) || !settled ? "more" : rest;
      const versions = await backend.put({ info, holdings, released }, leaseMs, part, known);
      this.counters.writes++;
      if (versions === undefined || !this.#ours(node)) return;
      this.#renewed.set(node, now);
      if (versions.before === "" && part !== "whole") {
        // It had expired, or was lost: all of it goes there again.
        const written = new Set(paths);
        for (const path of registry.paths(node)) if (!written.has(path)) this.#mark(node, path);
      }
      const follows = versions.before === "" || versions.before === known;
      // One that has not told all yet is completed by a comparison.
      if (follows && settled && !this.#waiting.cut(node)) this.#versions.set(node, versions.after);
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
      if (this.#later.lives(stored, this.#deps.clock.now())) this.#apply(stored);
      return;
    }
    this.#later.delete(node);
    this.#waiting.compared(node);
    const wrong = (path?: string) => this.#mark(node, path);
    const settled = registry.settled(node);
    if (stored === undefined || (stored.partial && settled) || encodeInfo(stored.info) !== encodeInfo(info)) wrong();
    for (const path of registry.paths(node)) {
      if (!sameHolding(registry.holding(path, node), stored?.holdings.get(path))) wrong(path);
    }
    const more = stored !== undefined && this.#findExtra(stored, settled);
    if (stored === undefined || more || !settled || this.#waiting.cut(node)) this.#versions.delete(node);
    else this.#versions.set(node, stored.version);
  }

  /** Whether something of a relay of ours is kept that is not known here. */
  #findExtra({ info, holdings }: StoredNode, settled: boolean): boolean {
    const { node } = info;
    const extra = new Set([...holdings.keys()].filter((path) => !this.#deps.registry.holding(path, node)));
    const before = this.#extra.get(node);
    this.#extra.delete(node);
    if (extra.size > 0) this.#extra.set(node, extra);
    if (settled) for (const path of extra) if (before?.has(path)) this.#mark(node, path);
    return extra.size > 0;
  }

  /** What others registered. */
  async #take(): Promise<void> {
    const { registry, backend, clock, leaseMs } = this.#deps;
    this.#left.clear();
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

  #apply({ version, info, holdings, partial }: StoredNode): void {
    const { registry } = this.#deps;
    const { node } = info;
    const left = this.#left.get(node);
    if ((left !== undefined && left >= info.startedAt) || !this.#register(info)) return;
    this.#drop(node);
    // What is missing while it is written may be about to come; what is there after it was gone may be of an old snapshot.
    const filling = partial || this.#deps.clock.now() < this.#graceUntil;
    const missing = [...registry.paths(node)].filter((path) => !holdings.has(path));
    if (!filling) for (const path of missing) registry.release(path, node, this.#others);
    for (const holding of holdings.values()) {
      if (!sameHolding(holding, registry.holding(holding.path, node))) registry.hold(holding, this.#others);
    }
    if (!filling || missing.length === 0) this.#versions.set(node, version);
  }
}
