import type { Clock } from "../../moq/clock.ts";
import { PathTree, prefixes } from "../../moq/model/index.ts";
import type { ClockBound } from "../clock-bound.ts";
import type { Holding, NodeInfo, NodeLoad } from "../contract.ts";
import { TenantBoard } from "../tenants/index.ts";
import { Claims } from "./claims.ts";
import type { HoldingWatcher, NodeEntry, NodeWatcher, RegistryObserver } from "./contract.ts";
import { RevocationBoard } from "./revocation-board.ts";

export interface RegistryDeps {
  readonly clock: Clock;
  /** Milliseconds that a relay and its holdings stay after its session is lost. */
  readonly leaseMs: number;
  /** Most relays, and most holdings of all relays together. */
  readonly maxNodes: number;
  readonly maxHoldings: number;
  readonly clocks: Pick<ClockBound, "accepts">;
  /** Milliseconds after which two sessions with one name are two relays, not a restart of one. */
  readonly namesakeMs: number;
  /** Two relays have one name. */
  readonly contested: (infos: readonly NodeInfo[]) => void;
}

/**
 * Milliseconds after which a relay that came back counts as having reported all its holdings, although its session has not said so. Two
 * million announcements take less.
 */
export const REPORT_MAX_MS = 60_000;

interface RegisteredNode {
  info: NodeInfo;
  load: NodeLoad | undefined;
  /** The session that speaks for it; nothing while it is lost. */
  session: object | undefined;
  /** That session has a token or certificate with this name. */
  named: boolean;
  readonly paths: Set<string>;
  /** Paths reported in this session, until all have been reported: then the other paths are released. */
  reported: Set<string> | undefined;
  cancel: (() => void) | undefined;
}

/** Relays and the broadcasts that each holds, in memory. */
export class Registry {
  /** The names that sessions claim, registered or not. */
  readonly claims: Claims;
  /** What relays revoked. */
  readonly revocations = new RevocationBoard();
  /** What tenants use at the relays. */
  readonly tenants: TenantBoard;
  readonly #deps: RegistryDeps;
  readonly #registered = new Map<string, RegisteredNode>();
  readonly #holdings = new PathTree<Map<string, Holding>>();
  readonly #under = new Map<string, Set<HoldingWatcher>>();
  readonly #exact = new Map<string, Set<HoldingWatcher>>();
  readonly #nodes = new Set<NodeWatcher>();
  /** By the relay that holds what they watch. */
  readonly #rivals = new Map<string, Set<HoldingWatcher>>();
  /** Called when no session speaks for the relay any more. */
  readonly #unclaimed = new Map<string, Set<(last: NodeInfo) => void>>();
  /** The order in which sessions of relays began. */
  readonly #sessionOrder = new WeakMap<object, number>();
  #sessions = 0;
  #observer: RegistryObserver | undefined;
  #others: object | undefined;
  #count = 0;

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
    this.claims = new Claims(deps);
    this.tenants = new TenantBoard({ clock: deps.clock, graceMs: deps.leaseMs });
  }

  get counts(): { nodes: number; broadcasts: number; holdings: number } {
    return { nodes: this.#registered.size, broadcasts: this.#holdings.size, holdings: this.#count };
  }

  *nodes(): Generator<NodeEntry> {
    for (const { info, load, session } of this.#registered.values())
      yield { info, load, present: session !== undefined };
  }

  *under(prefix: string): Generator<Holding> {
    for (const holders of this.#holdings.under(prefix)) yield* holders.values();
  }

  *exact(path: string): Generator<Holding> {
    yield* this.#holdings.get(path)?.values() ?? [];
  }

  get(node: string): NodeInfo | undefined {
    return this.#registered.get(node)?.info;
  }

  /** The session that speaks for a relay now. */
  speaker(node: string): object | undefined {
    return this.#registered.get(node)?.session;
  }

  /** Whether the session that speaks for the relay has reported all its holdings. */
  hasReportedAll(node: string): boolean {
    const entry = this.#registered.get(node);
    return entry?.session !== undefined && entry.reported === undefined;
  }

  /** Paths that the relay holds. */
  *paths(node: string): Generator<string> {
    yield* this.#registered.get(node)?.paths ?? [];
  }

  /** Broadcasts that the relay holds. */
  size(node: string): number {
    return this.#registered.get(node)?.paths.size ?? 0;
  }

  holding(path: string, node: string): Holding | undefined {
    return this.#holdings.get(path)?.get(node);
  }

  /**
   * Notifies `observer` of every change, after it is made. `others` speaks for relays at other roots; a session of this root comes before
   * it, whatever the clocks say.
   */
  observe(observer: RegistryObserver, others: object): void {
    this.#observer = observer;
    this.#others = others;
  }

  /** A session of a relay begins: it is newer than all before it. */
  sessionBegins(session: object): void {
    this.#sessionOrder.set(session, this.#sessions++);
  }

  /**
   * A session registers a relay, or a change of it. `named`: the session has a token or certificate with that name. False when there are
   * too many relays, or the session may not speak for the relay now.
   */
  register(info: NodeInfo, session: object, named = false): boolean {
    const known = this.#registered.get(info.node);
    if (!this.#deps.clocks.accepts(info.startedAt, info.node)) return false;
    if (known === undefined) {
      if (this.#registered.size >= this.#deps.maxNodes) return false;
      const entry: RegisteredNode = {
        info,
        load: undefined,
        session,
        named,
        paths: new Set(),
        reported: undefined,
        cancel: undefined,
      };
      this.#registered.set(info.node, entry);
      this.#startSession(entry, session);
      this.#notifyRegistered(info, session);
      return true;
    }
    if (!this.#maySpeak(known, info, session, named)) return false;
    if (known.session !== session) this.#startSession(known, session);
    known.info = info;
    known.named = named;
    this.#notifyRegistered(info, session);
    return true;
  }

  /**
   * Whether a session may speak for a registered relay:
   * - with a token or certificate of that name: where the other session is of an earlier start, or has ended;
   * - without one: where no session has one, and it is the same process or a new start at the same URL. The name belongs to the relay
   *   that came first until its lease is over.
   */
  #maySpeak(known: RegisteredNode, info: NodeInfo, session: object, named: boolean): boolean {
    if (known.session === session) return true;
    const shown = named || session === this.#others;
    if (!shown && (known.named || !sameRelay(known.info, info))) return false;
    // Clocks differ, so a session here comes before what other roots say, and before a lost one, whatever its start.
    const held = known.session !== undefined && known.session !== this.#others;
    if (held && known.info.startedAt > info.startedAt) return false;
    return known.info.startedAt !== info.startedAt || !this.#isOlder(session, known.session);
  }

  /** The session has reported all holdings: those that it did not report are released. */
  complete(session: object): void {
    for (const entry of this.#registered.values()) if (entry.session === session) this.#releaseUnreported(entry);
  }

  /** The session has reported all holdings of the relay and released the others by itself. */
  completeNode(node: string, session: object): void {
    const entry = this.#registered.get(node);
    if (entry?.session !== session) return;
    entry.cancel?.();
    entry.cancel = undefined;
    entry.reported = undefined;
  }

  /** Removes a relay that left on purpose, as another root says, whichever session speaks for it here. */
  evict(node: string): void {
    const entry = this.#registered.get(node);
    if (entry !== undefined) this.#forget(node, entry);
  }

  /** What the relay last reported; undefined before its first report. */
  loadOf(node: string): NodeLoad | undefined {
    return this.#registered.get(node)?.load;
  }

  setLoad(node: string, load: NodeLoad, session: object): void {
    const entry = this.#registered.get(node);
    if (entry?.session === session) entry.load = load;
  }

  /** The relay leaves on purpose: it is removed with all its holdings. */
  unregister(node: string, session: object): void {
    const entry = this.#registered.get(node);
    if (entry?.session !== session) return;
    this.#forget(node, entry);
    this.#observer?.withdrawn(entry.info, session);
  }

  /** False when there are too many holdings, or the session does not speak for the relay. */
  hold(holding: Holding, session: object): boolean {
    const entry = this.#registered.get(holding.node);
    if (entry?.session !== session || !this.#deps.clocks.accepts(holding.epoch, holding.node)) return false;
    entry.reported?.add(holding.path);
    const holders = this.#holdings.get(holding.path) ?? new Map<string, Holding>();
    if (!holders.has(holding.node)) {
      if (this.#count >= this.#deps.maxHoldings) return false;
      this.#count++;
      if (holders.size === 0) this.#holdings.set(holding.path, holders);
    }
    holders.set(holding.node, holding);
    entry.paths.add(holding.path);
    this.#notify(holding.path, (watcher) => watcher.holding?.(holding));
    this.#observer?.held(holding.path, holding.node, session);
    return true;
  }

  release(path: string, node: string, session: object): void {
    const entry = this.#registered.get(node);
    if (entry?.session === session) this.#releasePath(path, entry);
  }

  /** The session ended without leaving: its relay stays for a lease. */
  lost(session: object): void {
    for (const [node, entry] of this.#registered) {
      if (entry.session !== session) continue;
      entry.session = undefined;
      entry.reported = undefined;
      entry.cancel?.();
      entry.cancel = this.#deps.clock.timer(this.#deps.leaseMs, () => this.#forget(node, entry));
      this.#observer?.lost(node);
      this.#notifyUnclaimed(entry.info);
    }
  }

  /** Calls `free` with the last registration when the session that speaks for the relay is gone. Returns a stop. */
  whenUnclaimed(node: string, free: (last: NodeInfo) => void): () => void {
    return add(this.#unclaimed, node, free);
  }

  watchNodes(watcher: NodeWatcher): () => void {
    this.#nodes.add(watcher);
    return () => void this.#nodes.delete(watcher);
  }

  watchUnder(prefix: string, watcher: HoldingWatcher): () => void {
    return add(this.#under, prefix, watcher);
  }

  watchExact(path: string, watcher: HoldingWatcher): () => void {
    return add(this.#exact, path, watcher);
  }

  /** Holdings of exactly those paths that the relay holds, its own included. */
  watchRivals(node: string, watcher: HoldingWatcher): () => void {
    return add(this.#rivals, node, watcher);
  }

  /** Calls `callback` once the changes of this turn are made. */
  soon(callback: () => void): void {
    this.#deps.clock.soon(callback);
  }

  close(): void {
    for (const entry of this.#registered.values()) entry.cancel?.();
    this.#registered.clear();
    this.claims.close();
    this.tenants.close();
  }

  /** Messages of a session that the relay has left may arrive after those of its next session. */
  #isOlder(session: object, than: object | undefined): boolean {
    const [one, other] = [this.#sessionOrder.get(session), than && this.#sessionOrder.get(than)];
    return one !== undefined && other !== undefined && one < other;
  }

  /** A session begins to speak for a relay that is new, was lost, or has restarted. */
  #startSession(entry: RegisteredNode, session: object): void {
    entry.session = session;
    entry.cancel?.();
    entry.reported = new Set();
    entry.cancel = this.#deps.clock.timer(REPORT_MAX_MS, () => this.#releaseUnreported(entry));
  }

  #releaseUnreported(entry: RegisteredNode): void {
    const { reported } = entry;
    if (reported === undefined) return;
    entry.cancel?.();
    entry.cancel = undefined;
    entry.reported = undefined;
    for (const path of [...entry.paths]) if (!reported.has(path)) this.#releasePath(path, entry);
  }

  #notifyRegistered(info: NodeInfo, session: object): void {
    for (const watcher of [...this.#nodes]) watcher.node(info);
    this.#observer?.registered(info.node, session);
  }

  #forget(node: string, entry: RegisteredNode): void {
    if (this.#registered.get(node) !== entry) return;
    entry.cancel?.();
    entry.session = undefined;
    for (const path of [...entry.paths]) this.#releasePath(path, entry);
    this.#registered.delete(node);
    this.tenants.drop(node);
    for (const watcher of [...this.#nodes]) watcher.nodeGone(node);
    this.#notifyUnclaimed(entry.info);
  }

  #notifyUnclaimed(last: NodeInfo): void {
    for (const free of [...(this.#unclaimed.get(last.node) ?? [])]) free(last);
  }

  #releasePath(path: string, entry: RegisteredNode): void {
    if (!entry.paths.delete(path)) return;
    const holders = this.#holdings.get(path);
    const holding = holders?.get(entry.info.node);
    if (holders === undefined || holding === undefined) return;
    holders.delete(entry.info.node);
    if (holders.size === 0) this.#holdings.delete(path);
    this.#count--;
    this.#notify(path, (watcher) => watcher.holdingGone?.(holding));
    if (entry.session !== undefined) this.#observer?.held(path, entry.info.node, entry.session);
  }

  #notify(path: string, what: (watcher: HoldingWatcher) => void): void {
    for (const prefix of prefixes(path)) for (const watcher of [...(this.#under.get(prefix) ?? [])]) what(watcher);
    for (const watcher of [...(this.#exact.get(path) ?? [])]) what(watcher);
    if (this.#rivals.size === 0) return;
    const holders = this.#holdings.get(path)?.keys() ?? [];
    for (const node of [...holders]) for (const watcher of [...(this.#rivals.get(node) ?? [])]) what(watcher);
  }
}

/** The same process, or another start at the same URL. */
function sameRelay(a: NodeInfo, b: NodeInfo): boolean {
  return a.hop === b.hop || (a.url !== "" && a.url === b.url);
}

function add<T>(map: Map<string, Set<T>>, key: string, one: T): () => void {
  const set = map.get(key) ?? new Set();
  map.set(key, set.add(one));
  return () => {
    set.delete(one);
    if (set.size === 0 && map.get(key) === set) map.delete(key);
  };
}
