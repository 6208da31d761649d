import type { Clock } from "../../moq/clock.ts";
import { PathTree, prefixes } from "../../moq/model/index.ts";
import type { ClockBound } from "../clock-bound.ts";
import type { Holding, NodeInfo } from "../contract.ts";
import { Claims } from "./claims.ts";
import type { HoldingWatcher, NodeEntry, NodeLoad, NodeWatcher, RegistryObserver } from "./contract.ts";

export interface RegistryDeps {
  readonly clock: Clock;
  /** Milliseconds that what a relay registered stays after the relay was lost. */
  readonly leaseMs: number;
  /** Relays, and broadcasts of all of them together. */
  readonly maxNodes: number;
  readonly maxHoldings: number;
  readonly clocks: Pick<ClockBound, "takes">;
  /** Milliseconds after which two sessions with one name are two relays, and no restart of one. */
  readonly settleMs: number;
  /** Two relays have one name. */
  readonly contested: (infos: readonly NodeInfo[]) => void;
}

/**
 * Milliseconds after which a relay that comes back counts as having told all that it holds, although its session does not say so:
 * long beside two million announcements, short beside a day.
 */
export const SETTLE_MAX_MS = 60_000;

interface Owner {
  info: NodeInfo;
  load: NodeLoad | undefined;
  /** The session that speaks for it now. */
  session: object | undefined;
  /** That session showed an identity with this name. */
  named: boolean;
  readonly paths: Set<string>;
  /** What it told in this session, until it has told all: then those that it did not tell are forgotten. */
  told: Set<string> | undefined;
  cancel: (() => void) | undefined;
}

/** Relays and the broadcasts that each has first-hand, in memory. */
export class Registry {
  /** Sessions that claim a name, believed or not. */
  readonly claims: Claims;
  readonly #deps: RegistryDeps;
  readonly #owners = new Map<string, Owner>();
  readonly #holdings = new PathTree<Map<string, Holding>>();
  readonly #under = new Map<string, Set<HoldingWatcher>>();
  readonly #exact = new Map<string, Set<HoldingWatcher>>();
  readonly #nodes = new Set<NodeWatcher>();
  /** By the relay that holds what they watch. */
  readonly #rivals = new Map<string, Set<HoldingWatcher>>();
  /** Called when nobody speaks for the relay any more. */
  readonly #unclaimed = new Map<string, Set<(last: NodeInfo) => void>>();
  /** Of sessions of relays, in the order in which they began. */
  readonly #begun = new WeakMap<object, number>();
  #sessions = 0;
  #observer: RegistryObserver | undefined;
  #others: object | undefined;
  #count = 0;

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
    this.claims = new Claims(deps);
  }

  get counts(): { nodes: number; broadcasts: number; holdings: number } {
    return { nodes: this.#owners.size, broadcasts: this.#holdings.size, holdings: this.#count };
  }

  *nodes(): Generator<NodeEntry> {
    for (const { info, load, session } of this.#owners.values()) yield { info, load, present: session !== undefined };
  }

  *under(prefix: string): Generator<Holding> {
    for (const holders of this.#holdings.under(prefix)) yield* holders.values();
  }

  *exact(path: string): Generator<Holding> {
    yield* this.#holdings.get(path)?.values() ?? [];
  }

  get(node: string): NodeInfo | undefined {
    return this.#owners.get(node)?.info;
  }

  /** The session that speaks for a relay now. */
  speaker(node: string): object | undefined {
    return this.#owners.get(node)?.session;
  }

  /** Whether all that the relay holds has been told in the session that speaks for it. */
  settled(node: string): boolean {
    const owner = this.#owners.get(node);
    return owner?.session !== undefined && owner.told === undefined;
  }

  /** Paths that the relay holds. */
  *paths(node: string): Generator<string> {
    yield* this.#owners.get(node)?.paths ?? [];
  }

  /** Broadcasts that the relay holds. */
  size(node: string): number {
    return this.#owners.get(node)?.paths.size ?? 0;
  }

  holding(path: string, node: string): Holding | undefined {
    return this.#holdings.get(path)?.get(node);
  }

  /**
   * Tells one who passes it on what sessions say, after it is done. `others` speaks for relays that are at other roots: whoever has a
   * session here is believed before it, whatever their clocks say.
   */
  observe(observer: RegistryObserver, others: object): void {
    this.#observer = observer;
    this.#others = others;
  }

  /** A session of a relay begins: it is newer than those before it. */
  begun(session: object): void {
    this.#begun.set(session, this.#sessions++);
  }

  /**
   * A relay, or news of it, from the session that speaks for it; `named`: the session has shown an identity with that name. False when
   * there are too many, or the session may not speak for the relay now.
   */
  register(info: NodeInfo, session: object, named = false): boolean {
    const known = this.#owners.get(info.node);
    if (!this.#deps.clocks.takes(info.startedAt, info.node)) return false;
    if (known === undefined) {
      if (this.#owners.size >= this.#deps.maxNodes) return false;
      const owner: Owner = {
        info,
        load: undefined,
        session,
        named,
        paths: new Set(),
        told: undefined,
        cancel: undefined,
      };
      this.#owners.set(info.node, owner);
      this.#begin(owner, session);
      this.#news(info, session);
      return true;
    }
    if (!this.#maySpeak(known, info, session, named)) return false;
    if (known.session !== session) this.#begin(known, session);
    known.info = info;
    known.named = named;
    this.#news(info, session);
    return true;
  }

  /**
   * Whether a session may speak for a relay that is known:
   * - with an identity of that name: where the other session is of an earlier start, or over;
   * - without one: where no session has shown an identity, and it is the same process, or a new start at the same URL. The name stays with
   *   the relay that came first until its lease is over.
   */
  #maySpeak(known: Owner, info: NodeInfo, session: object, named: boolean): boolean {
    if (known.session === session) return true;
    const shown = named || session === this.#others;
    if (!shown && (known.named || !sameRelay(known.info, info))) return false;
    // Clocks differ: where no session speaks for the relay any more, the one that speaks now does.
    const held = known.session !== undefined && known.session !== this.#others;
    if (held && known.info.startedAt > info.startedAt) return false;
    return known.info.startedAt !== info.startedAt || !this.#older(session, known.session);
  }

  /** The session has told all that there is for now: what it did not tell is forgotten. */
  complete(session: object): void {
    for (const owner of this.#owners.values()) if (owner.session === session) this.#settle(owner);
  }

  /** As {@link complete}, for one relay of which the session has taken back by itself what is there no more. */
  rest(node: string, session: object): void {
    const owner = this.#owners.get(node);
    if (owner?.session !== session) return;
    owner.cancel?.();
    owner.cancel = undefined;
    owner.told = undefined;
  }

  /** It left on purpose, as others say, whoever speaks for it here. */
  evict(node: string): void {
    const owner = this.#owners.get(node);
    if (owner !== undefined) this.#forget(node, owner);
  }

  setLoad(node: string, load: NodeLoad, session: object): void {
    const owner = this.#owners.get(node);
    if (owner?.session === session) owner.load = load;
  }

  /** The relay leaves on purpose: all that it has goes with it. */
  unregister(node: string, session: object): void {
    const owner = this.#owners.get(node);
    if (owner?.session !== session) return;
    this.#forget(node, owner);
    this.#observer?.withdrawn(owner.info, session);
  }

  /** False when there are too many, or the session does not speak for the relay. */
  hold(holding: Holding, session: object): boolean {
    const owner = this.#owners.get(holding.node);
    if (owner?.session !== session || !this.#deps.clocks.takes(holding.epoch, holding.node)) return false;
    owner.told?.add(holding.path);
    const holders = this.#holdings.get(holding.path) ?? new Map<string, Holding>();
    if (!holders.has(holding.node)) {
      if (this.#count >= this.#deps.maxHoldings) return false;
      this.#count++;
      if (holders.size === 0) this.#holdings.set(holding.path, holders);
    }
    holders.set(holding.node, holding);
    owner.paths.add(holding.path);
    this.#tell(holding.path, (watcher) => watcher.holding?.(holding));
    this.#observer?.held(holding.path, holding.node, session);
    return true;
  }

  release(path: string, node: string, session: object): void {
    const owner = this.#owners.get(node);
    if (owner?.session === session) this.#drop(path, owner);
  }

  /** The session is gone without a word: what it registered stays for the lease. */
  lost(session: object): void {
    for (const [node, owner] of this.#owners) {
      if (owner.session !== session) continue;
      owner.session = undefined;
      owner.told = undefined;
      owner.cancel?.();
      owner.cancel = this.#deps.clock.timer(this.#deps.leaseMs, () => this.#forget(node, owner));
      this.#observer?.lost(node);
      this.#free(owner.info);
    }
  }

  /** Calls `free` when the session that speaks for the relay is gone, with what it had said last. Returns a stop. */
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

  close(): void {
    for (const owner of this.#owners.values()) owner.cancel?.();
    this.#owners.clear();
    this.claims.close();
  }

  /** What was on its way in a session that the relay has left may come after what it told in the next one. */
  #older(session: object, than: object | undefined): boolean {
    const [one, other] = [this.#begun.get(session), than && this.#begun.get(than)];
    return one !== undefined && other !== undefined && one < other;
  }

  /** A relay that is new, was lost, or restarted under its name, speaks. */
  #begin(owner: Owner, session: object): void {
    owner.session = session;
    owner.cancel?.();
    owner.told = new Set();
    owner.cancel = this.#deps.clock.timer(SETTLE_MAX_MS, () => this.#settle(owner));
  }

  #settle(owner: Owner): void {
    const { told } = owner;
    if (told === undefined) return;
    owner.cancel?.();
    owner.cancel = undefined;
    owner.told = undefined;
    for (const path of [...owner.paths]) if (!told.has(path)) this.#drop(path, owner);
  }

  #news(info: NodeInfo, session: object): void {
    for (const watcher of [...this.#nodes]) watcher.node(info);
    this.#observer?.registered(info.node, session);
  }

  #forget(node: string, owner: Owner): void {
    if (this.#owners.get(node) !== owner) return;
    owner.cancel?.();
    owner.session = undefined;
    for (const path of [...owner.paths]) this.#drop(path, owner);
    this.#owners.delete(node);
    for (const watcher of [...this.#nodes]) watcher.nodeGone(node);
    this.#free(owner.info);
  }

  #free(last: NodeInfo): void {
    for (const free of [...(this.#unclaimed.get(last.node) ?? [])]) free(last);
  }

  #drop(path: string, owner: Owner): void {
    if (!owner.paths.delete(path)) return;
    const holders = this.#holdings.get(path);
    const holding = holders?.get(owner.info.node);
    if (holders === undefined || holding === undefined) return;
    holders.delete(owner.info.node);
    if (holders.size === 0) this.#holdings.delete(path);
    this.#count--;
    this.#tell(path, (watcher) => watcher.holdingGone?.(holding));
    if (owner.session !== undefined) this.#observer?.held(path, owner.info.node, owner.session);
  }

  #tell(path: string, what: (watcher: HoldingWatcher) => void): void {
    for (const prefix of prefixes(path)) for (const watcher of [...(this.#under.get(prefix) ?? [])]) what(watcher);
    for (const watcher of [...(this.#exact.get(path) ?? [])]) what(watcher);
    if (this.#rivals.size === 0) return;
    const holders = this.#holdings.get(path)?.keys() ?? [];
    for (const node of [...holders]) for (const watcher of [...(this.#rivals.get(node) ?? [])]) what(watcher);
  }
}

/** The same process, or another start of what is dialled there. */
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
