/** What a backend is, in memory: several roots of one process share a store. */

import type { Holding, NodeInfo } from "../../cluster/contract.ts";
import type {
  BackendEvents,
  Listing,
  NodeChange,
  Part,
  RegistryBackend,
  StoredNode,
  Versions,
} from "../../cluster/registry/contract.ts";
import { encodeHolding } from "../../cluster/registry/record.ts";
import type { Clock } from "../../moq/clock.ts";

interface Kept {
  info: NodeInfo;
  readonly holdings: Map<string, Holding>;
  version: number;
  partial: boolean;
  until: number;
}

export class MemoryStore {
  readonly clock: Clock;
  readonly nodes = new Map<string, Kept>();
  readonly backends = new Set<MemoryBackend>();
  instance = 1;
  revoked = { generation: 1, version: 0, paths: new Set<string>() };
  lossy = false;
  /** Cannot be reached. */
  gone = false;
  /** Milliseconds that a call takes, half of it each way. */
  latencyMs = 0;
  versions = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  kept(node: string): Kept | undefined {
    const kept = this.nodes.get(node);
    if (kept !== undefined && kept.until <= this.clock.now()) this.nodes.delete(node);
    return this.nodes.get(node);
  }

  cut(): void {
    this.gone = true;
    for (const one of this.backends) one.events?.down("it was cut off");
  }

  heal(): void {
    this.gone = false;
    for (const one of this.backends) one.events?.up();
  }

  /** All that is in it. */
  wipe(): void {
    this.nodes.clear();
    this.instance++;
    this.revoked = { generation: this.revoked.generation + 1, version: 0, paths: new Set() };
  }

  async call<T>(work: () => T): Promise<T> {
    await this.#half();
    const answer = work();
    await this.#half();
    return answer;
  }

  async #half(): Promise<void> {
    const { latencyMs } = this;
    if (latencyMs > 0) await new Promise<void>((resolve) => void this.clock.timer(latencyMs / 2, resolve));
    if (this.gone) throw new Error("it cannot be reached");
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
    queueMicrotask(() => {
      if (!this.#store.gone) events.up();
    });
  }

  async put(change: NodeChange, leaseMs: number, part: Part, known: string): Promise<Versions | undefined> {
    return await this.#store.call(() => this.#put(change, leaseMs, part, known));
  }

  #put(change: NodeChange, leaseMs: number, part: Part, known: string): Versions | undefined {
    const store = this.#store;
    const { info, holdings, released } = change;
    const before = store.kept(info.node);
    if (before !== undefined && before.info.startedAt > info.startedAt) return undefined;
    const kept: Kept = before ?? { info, holdings: new Map(), version: 0, partial: false, until: 0 };
    const version = before === undefined ? "" : String(kept.version);
    if (part === "more" || (version === "" && part === "last")) kept.partial = true;
    else if (part === "whole" || version === known) kept.partial = false;
    const versions = { before: version, after: String(++store.versions), partial: kept.partial };
    kept.info = info;
    kept.version = store.versions;
    kept.until = store.clock.now() + leaseMs;
    for (const one of holdings) kept.holdings.set(one.path, one);
    for (const path of released) kept.holdings.delete(path);
    store.nodes.set(info.node, kept);
    store.tell(this, (events) => events.changed(change, versions));
    return versions;
  }

  async renew(info: NodeInfo, leaseMs: number): Promise<string | undefined> {
    return await this.#store.call(() => this.#renew(info, leaseMs));
  }

  #renew({ node, startedAt }: NodeInfo, leaseMs: number): string | undefined {
    const kept = this.#store.kept(node);
    if (kept?.info.startedAt !== startedAt) return undefined;
    kept.until = this.#store.clock.now() + leaseMs;
    return String(kept.version);
  }

  async remove(node: string, startedAt: number): Promise<void> {
    return await this.#store.call(() => this.#remove(node, startedAt));
  }

  #remove(node: string, startedAt: number): void {
    const kept = this.#store.kept(node);
    if (kept !== undefined && kept.info.startedAt > startedAt) return;
    this.#store.nodes.delete(node);
    this.#store.tell(this, (events) => events.leftElsewhere(node, startedAt));
  }

  async list(): Promise<Listing> {
    return await this.#store.call(() => this.#list());
  }

  #list(): Listing {
    const now = this.#store.clock.now();
    const nodes = [...this.#store.nodes.keys()].flatMap((node) => {
      const kept = this.#store.kept(node);
      return kept === undefined ? [] : [{ node, version: String(kept.version), remainingMs: kept.until - now }];
    });
    return { instance: String(this.#store.instance), nodes };
  }

  async read(node: string): Promise<StoredNode | undefined> {
    return await this.#store.call(() => this.#read(node));
  }

  #read(node: string): StoredNode | undefined {
    const kept = this.#store.kept(node);
    if (kept === undefined) return undefined;
    for (const one of kept.holdings.values()) encodeHolding(one);
    const { version, info, holdings, partial, until } = kept;
    const remainingMs = until - this.#store.clock.now();
    return { version: String(version), info, holdings: new Map(holdings), partial, remainingMs };
  }

  async changeRevocations(added: readonly string[], removed: readonly string[]): Promise<void> {
    return await this.#store.call(() => {
      const { revoked } = this.#store;
      revoked.version++;
      for (const path of added) revoked.paths.add(path);
      for (const path of removed) revoked.paths.delete(path);
      this.#store.tell(this, (events) => events.revocationsChanged());
    });
  }

  async revocations(known: string): Promise<{ version: string; paths: string[] } | undefined> {
    return await this.#store.call(() => {
      const { generation, version, paths } = this.#store.revoked;
      const now = `${generation}:${version}`;
      return now === known || version === 0 ? undefined : { version: now, paths: [...paths] };
    });
  }

  async sendToRoots(text: string): Promise<void> {
    return await this.#store.call(() => this.#store.tell(this, (events) => events.rootSent(text)));
  }

  close(): void {
    this.#store.backends.delete(this);
    this.events = undefined;
  }
}
