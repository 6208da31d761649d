import type { Clock } from "../../moq/clock.ts";
import type { Holding } from "../contract.ts";
import type { RegistryBackend, StoredNode } from "./contract.ts";
import { encodeInfo, sameHolding } from "./record.ts";
import type { Registry } from "./registry.ts";
import type { ReplicatedNode, ReplicatedNodes } from "./replicated-nodes.ts";
import type { ReplicationCounters } from "./replication-metrics.ts";

/** Broadcasts in one write. */
const BATCH = 500;

/** Milliseconds by which two leases of one relay may differ for other reasons than another root's renewal. */
export const LEASE_SLACK_MS = 500;

export interface BackendWriterDeps {
  readonly registry: Registry;
  readonly backend: RegistryBackend;
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly nodes: ReplicatedNodes;
  readonly counters: ReplicationCounters;
  /** Whether a session of this root speaks for the relay. */
  readonly isOurs: (node: string) => boolean;
  /** The relay, or what it holds of `path`, is to be written. */
  readonly mark: (node: string, path?: string) => void;
  /** Another root has a session with a later start of the relay: its state takes the place of ours. */
  readonly adopt: (stored: StoredNode) => void;
}

/** Writes the relays that have a session at this root to the backend, renews their leases and repairs what differs. */
export class BackendWriter {
  readonly #deps: BackendWriterDeps;

  constructor(deps: BackendWriterDeps) {
    this.#deps = deps;
  }

  /** Writes what is pending. Rejects when the backend fails; what was not written stays pending. */
  async write(): Promise<void> {
    const { nodes, backend, clock, isOurs } = this.#deps;
    for (const record of nodes.withRemoval()) {
      const { node, removal } = record;
      if (removal === undefined) continue;
      if (clock.now() < removal.until) await backend.remove(node, removal.startedAt);
      if (record.removal === removal) nodes.clearRemoval(record);
    }
    for (const record of nodes.withPending()) {
      const { node } = record;
      if (!isOurs(node)) {
        nodes.clearPending(record);
        record.overflowed = false;
        continue;
      }
      const all = [...(record.pending?.paths ?? [])];
      for (let at = 0; at === 0 || at < all.length; at += BATCH) await this.#put(record, all.slice(at, at + BATCH));
      nodes.written(record);
    }
  }

  /** Renews the leases of relays registered here, and compares those that the backend keeps in another version. */
  async renew(): Promise<void> {
    const { registry, backend, clock, leaseMs, nodes, isOurs } = this.#deps;
    nodes.prune(clock.now() - leaseMs);
    const own = [...registry.nodes()].map(({ info }) => info).filter(({ node }) => isOurs(node));
    const now = clock.now();
    const versions = await Promise.all(own.map((info) => backend.renew(info, leaseMs)));
    for (const [n, info] of own.entries()) {
      const version = versions[n];
      if (version !== undefined) nodes.record(info.node).renewedAt = now;
      if (version === undefined || version !== nodes.get(info.node)?.version) await this.#compare(info.node);
    }
  }

  async #put(record: ReplicatedNode, paths: readonly string[]): Promise<void> {
    const { registry, backend, clock, leaseMs, nodes, counters, isOurs, mark } = this.#deps;
    const { node } = record;
    const info = registry.get(node);
    if (info === undefined) return;
    nodes.beginWrite(record, paths);
    const holdings: Holding[] = [];
    const released: string[] = [];
    for (const path of paths) {
      const holding = registry.holding(path, node);
      if (holding === undefined) released.push(path);
      else holdings.push(holding);
    }
    const now = clock.now();
    try {
      const known = record.version ?? "";
      const complete = registry.hasReportedAll(node);
      const more = (record.pending?.paths.size ?? 0) > 0 || record.overflowed || !complete;
      const last = holdings.length === registry.size(node) ? "whole" : "last";
      const part = more ? "more" : last;
      const versions = await backend.put({ info, holdings, released }, leaseMs, part, known);
      counters.writes++;
      if (versions === undefined || !isOurs(node)) return;
      record.renewedAt = now;
      if (versions.before === "" && part !== "whole") {
        // The backend had lost it, or its lease was over: all of it is written again.
        const written = new Set(paths);
        for (const path of registry.paths(node)) if (!written.has(path)) mark(node, path);
      }
      const follows = versions.before === "" || versions.before === known;
      // A relay that has not announced everything yet is completed by a comparison.
      record.version = follows && complete && !record.overflowed ? versions.after : undefined;
    } catch (error) {
      mark(node);
      for (const path of paths) mark(node, path);
      throw error;
    }
  }

  /** Marks what the backend keeps of a relay of ours and the registry does not agree with. */
  async #compare(node: string): Promise<void> {
    const { registry, backend, clock, nodes, isOurs, mark, adopt } = this.#deps;
    const stored = await backend.read(node);
    const info = registry.get(node);
    if (info === undefined || !isOurs(node)) return;
    const record = nodes.record(node);
    if (stored !== undefined && stored.info.startedAt > info.startedAt) {
      if (this.#isRenewedElsewhere(record, stored, clock.now())) adopt(stored);
      return;
    }
    record.newerStart = undefined;
    // The comparison finds all that was dropped at the bound.
    record.overflowed = false;
    const complete = registry.hasReportedAll(node);
    const infoDiffers = stored === undefined || encodeInfo(stored.info) !== encodeInfo(info);
    if (infoDiffers || (stored.partial && complete)) mark(node);
    for (const path of registry.paths(node)) {
      if (!sameHolding(registry.holding(path, node), stored?.holdings.get(path))) mark(node, path);
    }
    const unknown = stored !== undefined && this.#hasUnknownPaths(record, stored, complete);
    record.version = stored === undefined || unknown || !complete || record.overflowed ? undefined : stored.version;
  }

  /**
   * Whether another root has a session with the later start that is stored. What is left of a relay whose clock was ahead is a later
   * start as well, but no root renews its lease.
   */
  #isRenewedElsewhere(record: ReplicatedNode, { info, remainingMs }: StoredNode, now: number): boolean {
    const first = record.newerStart;
    if (first?.startedAt !== info.startedAt) {
      record.newerStart = { startedAt: info.startedAt, remainingMs, seenAt: now };
      return false;
    }
    const passed = now - first.seenAt;
    return passed >= this.#deps.leaseMs / 2 && remainingMs > first.remainingMs - passed + LEASE_SLACK_MS;
  }

  /** Whether paths of a relay of ours are stored and unknown here. A path that was unknown before is released. */
  #hasUnknownPaths(record: ReplicatedNode, { holdings }: StoredNode, complete: boolean): boolean {
    const { registry, nodes, mark } = this.#deps;
    const { node, unknownPaths: before } = record;
    const unknown = new Set([...holdings.keys()].filter((path) => !registry.holding(path, node)));
    nodes.setUnknownPaths(record, unknown);
    if (complete) for (const path of unknown) if (before.has(path)) mark(node, path);
    return unknown.size > 0;
  }
}
