import type { Clock } from "../../relay/clock.ts";
import { PathTree, prefixes } from "../../relay/model/path-tree.ts";
import type { Holding, NodeInfo } from "../contract.ts";
import type { NodeEntry, NodeLoad, RegistryWatcher } from "./contract.ts";

export interface RegistryDeps {
  readonly clock: Clock;
  /** Milliseconds that what a relay registered stays after the relay was lost. */
  readonly leaseMs: number;
  /** Relays, and broadcasts of all of them together. */
  readonly maxNodes: number;
  readonly maxHoldings: number;
}

/**
 * Milliseconds that a relay which comes back may be silent while it tells again what it holds; then what it did not tell is
 * forgotten. One that has much to tell takes longer for all of it.
 */
const SETTLE_MS = 2_000;

interface Owner {
  info: NodeInfo;
  load: NodeLoad | undefined;
  /** The session that speaks for it now. */
  session: object | undefined;
  readonly paths: Set<string>;
  /** What it told in this session, until those that it did not tell are forgotten. */
  told: Set<string> | undefined;
  /** Of what it had, it has told something again since that was last looked at. */
  retelling: boolean;
  cancel: (() => void) | undefined;
}

/** Relays and the broadcasts that each has first-hand, in memory. */
export class Registry {
  readonly #deps: RegistryDeps;
  readonly #owners = new Map<string, Owner>();
  readonly #holdings = new PathTree<Map<string, Holding>>();
  readonly #under = new Map<string, Set<RegistryWatcher>>();
  readonly #exact = new Map<string, Set<RegistryWatcher>>();
  readonly #all = new Set<RegistryWatcher>();
  /** Called when nobody speaks for the relay any more. */
  readonly #unclaimed = new Map<string, Set<() => void>>();
  #count = 0;

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
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

  /** A relay, or news of it, from the session that speaks for it. False when there are too many, or another one is newer. */
  register(info: NodeInfo, session: object): boolean {
    const known = this.#owners.get(info.node);
    if (known === undefined) {
      if (this.#owners.size >= this.#deps.maxNodes) return false;
      this.#owners.set(info.node, {
        info,
        load: undefined,
        session,
        paths: new Set(),
        told: undefined,
        retelling: false,
        cancel: undefined,
      });
      for (const watcher of [...this.#all]) watcher.node?.(info);
      return true;
    }
    // Clocks differ: of one that nobody speaks for any more, whoever speaks now is the relay.
    if (known.session !== undefined && known.info.startedAt > info.startedAt) return false;
    if (known.session !== session) this.#again(known, session);
    known.info = info;
    for (const watcher of [...this.#all]) watcher.node?.(info);
    return true;
  }

  setLoad(node: string, load: NodeLoad, session: object): void {
    const owner = this.#owners.get(node);
    if (owner?.session === session) owner.load = load;
  }

  /** The relay leaves on purpose: all that it has goes with it. */
  unregister(node: string, session: object): void {
    const owner = this.#owners.get(node);
    if (owner?.session === session) this.#forget(node, owner);
  }

  /** False when there are too many, or the session does not speak for the relay. */
  hold(holding: Holding, session: object): boolean {
    const owner = this.#owners.get(holding.node);
    if (owner?.session !== session) return false;
    if (owner.told !== undefined && owner.paths.has(holding.path) && !owner.told.has(holding.path))
      owner.retelling = true;
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
      this.#free(node);
    }
  }

  /** A session speaks for the relay. */
  claimed(node: string): boolean {
    return this.#owners.get(node)?.session !== undefined;
  }

  /** Calls `free` when the session that speaks for the relay is gone. Returns a stop. */
  whenUnclaimed(node: string, free: () => void): () => void {
    return add(this.#unclaimed, node, free);
  }

  watchAll(watcher: RegistryWatcher): () => void {
    this.#all.add(watcher);
    return () => void this.#all.delete(watcher);
  }

  watchUnder(prefix: string, watcher: RegistryWatcher): () => void {
    return add(this.#under, prefix, watcher);
  }

  watchExact(path: string, watcher: RegistryWatcher): () => void {
    return add(this.#exact, path, watcher);
  }

  close(): void {
    for (const owner of this.#owners.values()) owner.cancel?.();
    this.#owners.clear();
  }

  /** A relay that was lost, or restarted under its name, speaks again. */
  #again(owner: Owner, session: object): void {
    owner.session = session;
    owner.cancel?.();
    owner.told = new Set();
    owner.retelling = false;
    this.#settle(owner, owner.told);
  }

  /** Once the relay tells nothing of what it had any more, what it did not tell is over. */
  #settle(owner: Owner, told: ReadonlySet<string>): void {
    owner.cancel = this.#deps.clock.timer(SETTLE_MS, () => {
      if (owner.retelling) {
        owner.retelling = false;
        this.#settle(owner, told);
        return;
      }
      owner.cancel = undefined;
      owner.told = undefined;
      for (const path of [...owner.paths]) if (!told.has(path)) this.#drop(path, owner);
    });
  }

  #forget(node: string, owner: Owner): void {
    if (this.#owners.get(node) !== owner) return;
    owner.cancel?.();
    for (const path of [...owner.paths]) this.#drop(path, owner);
    this.#owners.delete(node);
    for (const watcher of [...this.#all]) watcher.nodeGone?.(node);
    this.#free(node);
  }

  #free(node: string): void {
    for (const free of [...(this.#unclaimed.get(node) ?? [])]) free();
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
  }

  #tell(path: string, what: (watcher: RegistryWatcher) => void): void {
    for (const prefix of prefixes(path)) for (const watcher of [...(this.#under.get(prefix) ?? [])]) what(watcher);
    for (const watcher of [...(this.#exact.get(path) ?? [])]) what(watcher);
    for (const watcher of [...this.#all]) what(watcher);
  }
}

function add<T>(map: Map<string, Set<T>>, key: string, one: T): () => void {
  const set = map.get(key) ?? new Set();
  map.set(key, set.add(one));
  return () => {
    set.delete(one);
    if (set.size === 0 && map.get(key) === set) map.delete(key);
  };
}
