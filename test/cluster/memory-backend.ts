/** What a backend is, in memory: several roots of one process share a store. */

import type { Holding, NodeInfo } from "../../cluster/contract.ts";
import type {
  BackendEvents,
  Listing,
  NodeChange,
  RegistryBackend,
  StoredNode,
  Versions,
} from "../../cluster/registry/contract.ts";
import { encodeHolding } from "../../cluster/registry/record.ts";
import type { Clock } from "../../relay/clock.ts";

interface Kept {
  info: NodeInfo;
  readonly holdings: Map<string, Holding>;
  version: number;
  until: number;
}

export class MemoryStore {
  readonly clock: Clock;
  readonly nodes = new Map<string, Kept>();
  readonly backends = new Set<MemoryBackend>();
  instance = 1;
  lossy = false;
  versions = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  kept(node: string): Kept | undefined {
    const kept = this.nodes.get(node);
    if (kept !== undefined && kept.until <= this.clock.now()) this.nodes.delete(node);
    return this.nodes.get(node);
  }

  tell(from: MemoryBackend, what: (events: BackendEvents) => void): void {
    if (this.lossy) return;
    for (const one of this.backends) if (one !== from && one.events !== undefined) what(one.events);
  }
}

export class MemoryBackend implements RegistryBackend {
  readonly #store: MemoryStore;
  events: BackendEvents | undefined;

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  start(events: BackendEvents): void {
    this.events = events;
    this.#store.backends.add(this);
    queueMicrotask(() => events.up());
  }

  async put(change: NodeChange, leaseMs: number): Promise<Versions | undefined> {
    const store = this.#store;
    const { info, holdings, released } = change;
    const before = store.kept(info.node);
    if (before !== undefined && before.info.startedAt > info.startedAt) return undefined;
    const kept: Kept = before ?? { info, holdings: new Map(), version: 0, until: 0 };
    const versions = { before: before === undefined ? "" : String(kept.version), after: String(++store.versions) };
    kept.info = info;
    kept.version = store.versions;
    kept.until = store.clock.now() + leaseMs;
    for (const one of holdings) kept.holdings.set(one.path, one);
    for (const path of released) kept.holdings.delete(path);
    store.nodes.set(info.node, kept);
    store.tell(this, (events) => events.changed(change, versions));
    return versions;
  }

  async renew({ node, startedAt }: NodeInfo, leaseMs: number): Promise<string | undefined> {
    const kept = this.#store.kept(node);
    if (kept?.info.startedAt !== startedAt) return undefined;
    kept.until = this.#store.clock.now() + leaseMs;
    return String(kept.version);
  }

  async remove(node: string, startedAt: number): Promise<void> {
    const kept = this.#store.kept(node);
    if (kept !== undefined && kept.info.startedAt > startedAt) return;
    this.#store.nodes.delete(node);
    this.#store.tell(this, (events) => events.withdrawn(node, startedAt));
  }

  async list(): Promise<Listing> {
    const now = this.#store.clock.now();
    const nodes = [...this.#store.nodes.keys()].flatMap((node) => {
      const kept = this.#store.kept(node);
      return kept === undefined ? [] : [{ node, version: String(kept.version), leftMs: kept.until - now }];
    });
    return { instance: String(this.#store.instance), nodes };
  }

  async read(node: string): Promise<StoredNode | undefined> {
    const kept = this.#store.kept(node);
    if (kept === undefined) return undefined;
    for (const one of kept.holdings.values()) encodeHolding(one);
    return { version: String(kept.version), info: kept.info, holdings: new Map(kept.holdings) };
  }

  close(): void {
    this.#store.backends.delete(this);
    this.events = undefined;
  }
}
