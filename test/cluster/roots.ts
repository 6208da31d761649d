/** Roots that share a registry, with relays that a test plays. */
import assert from "node:assert/strict";
import type { NodeInfo } from "../../cluster/contract.ts";
import type { RegistryBackend } from "../../cluster/registry/contract.ts";
import { Registry } from "../../cluster/registry/registry.ts";
import { ReplicatedRegistry } from "../../cluster/registry/replicated-registry.ts";
import type { Clock } from "../../moq/clock.ts";
import { holdingOf, nodeInfo, REGISTRY } from "./support.ts";

export class Root {
  readonly registry: Registry;
  readonly shared: ReplicatedRegistry;
  /** When the backend became unreachable and reachable. */
  readonly said: string[] = [];
  /** Paths that were released. */
  readonly gone: string[] = [];

  constructor(backend: RegistryBackend, clock: Clock, leaseMs: number) {
    this.registry = new Registry({ ...REGISTRY, clock, leaseMs, maxNodes: 1_000, maxHoldings: 500_000 });
    const connectionChanged = (up: boolean, why: string) => void this.said.push(up ? "up" : `down: ${why}`);
    this.shared = new ReplicatedRegistry({ registry: this.registry, backend, clock, leaseMs, connectionChanged });
    this.registry.watchUnder("", { holdingGone: ({ path }) => void this.gone.push(path) });
    this.shared.start();
  }

  get paths(): string[] {
    return [...this.registry.under("")].map(({ path, node }) => `${path} ${node}`).sort();
  }

  get nodes(): string[] {
    return [...this.registry.nodes()].map(({ info }) => info.node).sort();
  }

  /** A relay with a session here that has reported all its holdings. */
  relay(node: string, held: readonly string[], more: Partial<NodeInfo> = {}): RelayAtRoot {
    const session = new RelayAtRoot(this.registry, node);
    assert.equal(this.registry.register(nodeInfo(node, "origin", more), session), true);
    for (const path of held) session.hold(path);
    this.registry.complete(session);
    return session;
  }

  close(): void {
    this.shared.close();
    this.registry.close();
  }
}

/** A relay's session at a root. */
export class RelayAtRoot {
  readonly #registry: Registry;
  readonly #node: string;

  constructor(registry: Registry, node: string) {
    this.#registry = registry;
    this.#node = node;
  }

  hold(path: string, more: Parameters<typeof holdingOf>[2] = {}): void {
    assert.equal(this.#registry.hold(holdingOf(path, this.#node, more), this), true);
  }

  release(path: string): void {
    this.#registry.release(path, this.#node, this);
  }

  leave(): void {
    this.#registry.unregister(this.#node, this);
  }

  /** The session ends without a word. */
  die(): void {
    this.#registry.lost(this);
  }
}

export function many(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `live/${n}`);
}
