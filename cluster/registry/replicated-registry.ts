import type { Clock } from "../../moq/clock.ts";
import { numbersOf } from "../../moq/metrics.ts";
import { NODE_NAME, type NodeInfo } from "../contract.ts";
import { BackendWriter, LEASE_SLACK_MS } from "./backend-writer.ts";
import type { BackendEvents, NodeChange, RegistryBackend, RegistryObserver, StoredNode, Versions } from "./contract.ts";
import { encodeInfo, sameHolding } from "./record.ts";
import type { Registry } from "./registry.ts";
import { ReplicatedNodes } from "./replicated-nodes.ts";
import { REPLICATION_METRICS } from "./replication-metrics.ts";
import { SharedRevocations } from "./shared-revocations.ts";
import { SharedTenants } from "./shared-tenants.ts";

/** Milliseconds between two comparisons of everything, which is how late a lost message is noticed at most. */
const RECONCILE_MS = 2_000;
/** Milliseconds in which changes are gathered into one write. */
const GATHER_MS = 10;

export interface ReplicatedRegistryDeps {
  readonly registry: Registry;
  readonly backend: RegistryBackend;
  readonly clock: Clock;
  readonly leaseMs: number;
  /** The backend became reachable, or unreachable; `why` is empty or names no credential. */
  readonly connectionChanged: (up: boolean, why: string) => void;
}

/**
 * Keeps the registry of a root and a backend alike. It writes what sessions of this root say, and speaks in the registry for relays that
 * other roots wrote. While the backend is unreachable, the registry keeps what it knows. Afterwards the two states are compared, so
 * changes need no queue.
 */
export class ReplicatedRegistry implements RegistryObserver, BackendEvents {
  readonly counters = numbersOf(REPLICATION_METRICS);
  readonly #deps: ReplicatedRegistryDeps;
  /** The session that speaks for relays at other roots. */
  readonly #others = {};
  readonly #nodes = new ReplicatedNodes();
  readonly #writer: BackendWriter;
  readonly #revocations: SharedRevocations;
  readonly #tenants: SharedTenants;
  /** Of the memory behind the backend, when it was last listed. */
  #instance = "";
  /** Until then nothing is removed because the backend does not have it: other roots are writing again what it lost. */
  #graceUntil = 0;
  #up = false;
  #reportedDown = false;
  #working = false;
  /** A comparison was asked for while another one was under way. */
  #compareAgain = false;
  #closed = false;
  #cancelGather: (() => void) | undefined;
  #cancelTick = () => {};

  constructor(deps: ReplicatedRegistryDeps) {
    this.#deps = deps;
    this.#writer = new BackendWriter({
      ...deps,
      nodes: this.#nodes,
      counters: this.counters,
      isOurs: (node) => this.#isOurs(node),
      mark: (node, path) => this.#mark(node, path),
      adopt: (stored) => this.#apply(stored),
    });
    this.#revocations = new SharedRevocations(deps.registry.revocations, deps.backend, () => this.#gather());
    const { tenants: board } = deps.registry;
    this.#tenants = new SharedTenants({ ...deps, board, send: async (text) => await deps.backend.sendToRoots(text) });
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
    this.#revocations.close();
    this.#tenants.close();
    this.#deps.backend.close();
  }

  registered(node: string, session: object): void {
    if (session === this.#others) return;
    const record = this.#nodes.get(node);
    if (record !== undefined) this.#nodes.clearRemoval(record);
    this.#mark(node);
  }

  held(path: string, node: string, session: object): void {
    if (session !== this.#others) this.#mark(node, path);
  }

  withdrawn(info: NodeInfo, session: object): void {
    if (session !== this.#others) this.#remove(info);
  }

  lost(node: string): void {
    this.#nodes.forgetWriteState(node);
  }

  up(): void {
    this.#up = true;
    this.#reportedDown = false;
    this.#graceUntil = this.#deps.clock.now() + this.#deps.leaseMs;
    this.#nodes.clearVersions();
    this.#deps.connectionChanged(true, "");
    this.#tenants.up();
    void this.#work(true);
  }

  down(why: string): void {
    this.#up = false;
    this.#tenants.down();
    if (!this.#reportedDown) this.#deps.connectionChanged(false, why);
    this.#reportedDown = true;
  }

  revocationsChanged(): void {
    void this.#work(true);
  }

  rootSent(text: string): void {
    if (!this.#tenants.received(text)) this.unreadable();
  }

  unreadable(): void {
    this.counters.unreadable++;
  }

  changed(change: NodeChange, versions: Versions): void {
    if (this.#isOurs(change.info.node)) this.#checkOurs(change, versions);
    else this.#changedElsewhere(change, versions);
  }

  /** Another root wrote a relay that has a session here. */
  #checkOurs(change: NodeChange, { before, after, partial }: Versions): void {
    const record = this.#nodes.get(change.info.node);
    if (record === undefined) return;
    // The root that wrote a part may never write the rest.
    if (partial) record.version = undefined;
    else if (record.version === before && this.#agrees(change)) record.version = after;
  }

  #changedElsewhere(change: NodeChange, { before, after, partial }: Versions): void {
    const { registry } = this.#deps;
    const { node } = change.info;
    const record = this.#nodes.get(node);
    // A relay that was lost here has come back at another root.
    const isLater = (registry.get(node)?.startedAt ?? 0) <= change.info.startedAt;
    if (isLater && record !== undefined) record.renewedAt = undefined;
    const known = record?.version;
    const isNew = before === "" && registry.get(node) === undefined;
    if (this.#isElsewhere(node) ? known === before : isNew) {
      if (!this.#register(change.info)) return;
      for (const holding of change.holdings) registry.hold(holding, this.#others);
      for (const path of change.released) registry.release(path, node, this.#others);
      this.#nodes.record(node).version = after;
    } else if (known !== after) {
      if (record !== undefined) record.version = undefined;
      // A part is read when the last one has been written.
      if (!partial) void this.#work(true);
    }
  }

  leftElsewhere(node: string, startedAt: number): void {
    const { registry } = this.#deps;
    const known = registry.get(node);
    const record = this.#nodes.get(node);
    if (record !== undefined) record.version = undefined;
    if (this.#working) this.#nodes.setDeparted(node, startedAt);
    if (known === undefined || known.startedAt > startedAt) return;
    const ours = this.#isOurs(node);
    registry.evict(node);
    // A write of this root may be under way and reach the backend after the removal.
    if (ours) this.#remove(known);
  }

  /** A session of this root speaks for the relay. */
  #isOurs(node: string): boolean {
    const speaker = this.#deps.registry.speaker(node);
    return speaker !== undefined && speaker !== this.#others;
  }

  /** Another root speaks for the relay. */
  #isElsewhere(node: string): boolean {
    return this.#deps.registry.speaker(node) === this.#others;
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
    this.#nodes.mark(node, path);
    this.#gather();
  }

  #remove({ node, startedAt }: NodeInfo): void {
    this.#nodes.forgetWriteState(node);
    this.#nodes.setRemoval(node, { startedAt, until: this.#deps.clock.now() + this.#deps.leaseMs });
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

  /** One at a time: writes what is pending, and compares where that is asked for. Never rejects. */
  async #work(compare: boolean): Promise<void> {
    if (this.#working) {
      this.#compareAgain ||= compare;
      return;
    }
    this.#working = true;
    const from = this.#deps.clock.now();
    try {
      await this.#revocations.write();
      await this.#writer.write();
      if (compare) {
        this.counters.unreadable += await this.#revocations.read();
        await this.#writer.renew();
        await this.#readOthers();
        await this.#writer.write();
        this.counters.reconcileSeconds = (this.#deps.clock.now() - from) / 1000;
      }
    } catch {
      // The next comparison finds what was not written.
      this.counters.errors++;
    }
    this.#working = false;
    const again = this.#compareAgain;
    this.#compareAgain = false;
    if (again && this.#up && !this.#closed) void this.#work(true);
    else if (this.#nodes.unwritten) this.#gather();
  }

  /** Takes over what other roots registered, and evicts what they registered and the backend has no more. */
  async #readOthers(): Promise<void> {
    const { registry, backend, clock, leaseMs } = this.#deps;
    this.#nodes.clearDeparted();
    const { instance, nodes } = await backend.list();
    if (instance !== this.#instance) this.#graceUntil = clock.now() + leaseMs;
    this.#instance = instance;
    const listed = new Set<string>();
    for (const { node, version, remainingMs } of nodes) {
      listed.add(node);
      if (!this.#isReadable(node) || !NODE_NAME.test(node)) continue;
      const record = this.#nodes.get(node);
      const isElsewhere = this.#isElsewhere(node);
      if (isElsewhere && record?.version === version) continue;
      // A relay that was lost here is at another root if that root has renewed its lease since.
      const renewedAt = record?.renewedAt;
      const ownLeftMs = renewedAt === undefined ? -1 : leaseMs - (clock.now() - renewedAt) + LEASE_SLACK_MS;
      if (!isElsewhere && registry.get(node) !== undefined && remainingMs <= ownLeftMs) continue;
      const stored = await backend.read(node);
      if (stored !== undefined && this.#isReadable(node)) this.#apply(stored);
    }
    if (clock.now() < this.#graceUntil) return;
    for (const { info } of [...registry.nodes()]) {
      if (!this.#isElsewhere(info.node) || listed.has(info.node)) continue;
      const record = this.#nodes.get(info.node);
      if (record !== undefined) record.version = undefined;
      registry.evict(info.node);
    }
  }

  /** This root neither speaks for the relay nor is about to remove it. */
  #isReadable(node: string): boolean {
    return !this.#isOurs(node) && this.#nodes.get(node)?.removal === undefined;
  }

  #register(info: NodeInfo): boolean {
    const { registry } = this.#deps;
    const known = this.#isElsewhere(info.node) ? registry.get(info.node) : undefined;
    if (known !== undefined && encodeInfo(known) === encodeInfo(info)) return true;
    if (!registry.register(info, this.#others)) return false;
    registry.completeNode(info.node, this.#others);
    return true;
  }

  #apply({ version, info, holdings, partial }: StoredNode): void {
    const { registry, clock } = this.#deps;
    const { node } = info;
    const departedStart = this.#nodes.get(node)?.departedStart;
    if ((departedStart !== undefined && departedStart >= info.startedAt) || !this.#register(info)) return;
    this.#nodes.forgetWriteState(node);
    // In a part, what is missing may follow. After an outage, what is missing may be missing in an old snapshot alone.
    const filling = partial || clock.now() < this.#graceUntil;
    const missing = [...registry.paths(node)].filter((path) => !holdings.has(path));
    if (!filling) for (const path of missing) registry.release(path, node, this.#others);
    for (const holding of holdings.values()) {
      if (!sameHolding(holding, registry.holding(holding.path, node))) registry.hold(holding, this.#others);
    }
    if (!filling || missing.length === 0) this.#nodes.record(node).version = version;
  }
}
