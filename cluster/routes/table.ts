import type { Holding, NodeInfo, Role } from "../contract.ts";
import { rank } from "./rendezvous.ts";

/** How a relay was when it was last dialled. */
export type Health = "unknown" | "up" | "down";

/** Where a relay is known from; the later one is believed where several tell of it. */
export const NODE_SOURCES = ["dns", "static", "root"] as const;
export type NodeSource = (typeof NODE_SOURCES)[number];

/** Regionals that a broadcast may be taken from, best first: the one where it gathers, and those that stand in for it. */
const MAX_REGIONALS = 4;

export interface RouteTableDeps {
  readonly self: { readonly node: string; readonly role: Role; readonly region: string };
  readonly health: (node: string) => Health;
  /** What is known of the holders of a broadcast changed. */
  readonly changed: (path: string) => void;
  /** Relays came, went, moved or drain. */
  readonly nodesChanged: () => void;
  /** The relay was started anew. */
  readonly restarted: (node: string) => void;
}

/** Who has the newest content of a broadcast. */
export interface Holders {
  readonly epoch: bigint;
  /** Best first; never empty. */
  readonly holdings: readonly Holding[];
}

interface Held {
  holding: Holding;
  /** Scopes that told of it; it is known for as long as one does. */
  readonly scopes: Set<string>;
}

/**
 * Relays, who has what, and the way there. Pure: it is told and asked, and does nothing.
 *
 * Media takes the tiers: an edge goes to a regional of its region, chosen by rendezvous hashing of the path, so that one
 * broadcast gathers at one regional; everybody else, and an edge without a regional, goes to the relay that has the broadcast
 * first-hand. What another relay asks of one that is no edge is served first-hand only, so no way is longer than two and none
 * leads back.
 */
export class RouteTable {
  readonly #deps: RouteTableDeps;
  readonly #nodes = new Map<string, Map<NodeSource, NodeInfo>>();
  readonly #held = new Map<string, Map<string, Held>>();
  #holdings = 0;

  constructor(deps: RouteTableDeps) {
    this.#deps = deps;
  }

  /** What there is to know, for the metrics. */
  get counts(): { nodes: number; broadcasts: number; holdings: number } {
    return { nodes: this.#nodes.size, broadcasts: this.#held.size, holdings: this.#holdings };
  }

  get(node: string): NodeInfo | undefined {
    const known = this.#nodes.get(node);
    for (let i = NODE_SOURCES.length - 1; i >= 0; i--) {
      const info = known?.get(NODE_SOURCES[i] as NodeSource);
      if (info !== undefined) return info;
    }
    return undefined;
  }

  *nodes(): Generator<NodeInfo> {
    for (const node of this.#nodes.keys()) {
      const info = this.get(node);
      if (info !== undefined) yield info;
    }
  }

  node(info: NodeInfo, from: NodeSource): void {
    if (info.node === this.#deps.self.node) return;
    const known = this.#nodes.get(info.node) ?? new Map<NodeSource, NodeInfo>();
    const before = known.get(from);
    if (before !== undefined && sameNode(before, info)) return;
    this.#nodes.set(info.node, known.set(from, info));
    if (before?.hop !== info.hop) this.#deps.restarted(info.node);
    this.#deps.nodesChanged();
  }

  nodeGone(node: string, from: NodeSource): void {
    const known = this.#nodes.get(node);
    if (!known?.delete(from)) return;
    if (known.size === 0) this.#nodes.delete(node);
    this.#deps.nodesChanged();
  }

  holding(holding: Holding, scope: string): void {
    const { path, node } = holding;
    if (node === this.#deps.self.node) return;
    const all = this.#held.get(path) ?? new Map<string, Held>();
    this.#held.set(path, all);
    const known = all.get(node);
    if (known === undefined) {
      all.set(node, { holding, scopes: new Set([scope]) });
      this.#holdings++;
    } else {
      known.scopes.add(scope);
      if (alike(known.holding, holding)) return;
      known.holding = holding;
    }
    this.#deps.changed(path);
  }

  holdingGone(path: string, node: string, scope: string): void {
    const all = this.#held.get(path);
    const known = all?.get(node);
    if (all === undefined || !known?.scopes.delete(scope) || known.scopes.size > 0) return;
    all.delete(node);
    this.#holdings--;
    if (all.size === 0) this.#held.delete(path);
    this.#deps.changed(path);
  }

  /** The highest epoch of a broadcast elsewhere, and who has it; nothing when nobody is known to. */
  holders(path: string): Holders | undefined {
    const all = this.#held.get(path);
    if (all === undefined) return undefined;
    let epoch = 0n;
    for (const { holding } of all.values()) if (holding.epoch > epoch) epoch = holding.epoch;
    const best = [...all.values()].map(({ holding }) => holding).filter((holding) => holding.epoch === epoch);
    return { epoch, holdings: this.#ordered(path, best) };
  }

  /** Relays to take a broadcast of that epoch from, best first. Those that are down come last: they may be back. */
  candidates(path: string, epoch: bigint): string[] {
    const { self } = this.#deps;
    const holders = this.holders(path);
    const direct = holders?.epoch === epoch ? holders.holdings.map(({ node }) => node) : [];
    const tier = self.role === "edge" && holders !== undefined ? this.#regionals(path, direct) : [];
    const ways = [...new Set([...tier, ...direct])].filter((node) => this.get(node) !== undefined);
    return [...ways.filter((node) => this.#fit(node)), ...ways.filter((node) => !this.#fit(node))];
  }

  /** Where to ask when no root can be: an edge its regionals, everybody the origins that are known. */
  tiers(key: string): string[] {
    const { self } = this.#deps;
    const regionals = self.role === "edge" ? this.#regionals(key, []).filter((node) => this.#fit(node)) : [];
    if (regionals.length > 0) return regionals.slice(0, 1);
    return [...this.nodes()].filter(({ role }) => role === "origin").map(({ node }) => node);
  }

  /** A relay to send viewers to instead of this one: of the same role, near before far. */
  refuge(): NodeInfo | undefined {
    const { self, health } = this.#deps;
    const fit = [...this.nodes()].filter(
      ({ node, role, draining, publicUrl }) =>
        role === self.role && !draining && publicUrl !== "" && health(node) !== "down",
    );
    const near = fit.filter(({ region }) => region === self.region);
    const among = near.length > 0 ? near : fit;
    const [first] = rank(
      self.node,
      among.map(({ node }) => node),
    );
    return among.find(({ node }) => node === first);
  }

  #regionals(path: string, holders: readonly string[]): string[] {
    const { self } = this.#deps;
    const near = [...this.nodes()]
      .filter(({ role, region, url }) => role === "regional" && region === self.region && url !== "")
      .map(({ node }) => node);
    // One that has it first-hand is as good as the holder it is.
    const first = holders.filter((node) => near.includes(node));
    return [...new Set([...first, ...rank(path, near)])].slice(0, MAX_REGIONALS);
  }

  #ordered(path: string, holdings: readonly Holding[]): Holding[] {
    if (holdings.length < 2) return [...holdings];
    const order = rank(
      path,
      holdings.map(({ node }) => node),
    );
    const key = ({ node, cost }: Holding): readonly number[] => [
      this.#fit(node) ? 0 : 1,
      cost,
      this.get(node)?.region === this.#deps.self.region ? 0 : 1,
      order.indexOf(node),
    ];
    return holdings
      .map((holding) => ({ holding, key: key(holding) }))
      .sort((a, b) => compare(a.key, b.key))
      .map(({ holding }) => holding);
  }

  #fit(node: string): boolean {
    return this.get(node)?.draining !== true && this.#deps.health(node) !== "down";
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    const by = (a[i] ?? 0) - (b[i] ?? 0);
    if (by !== 0) return by;
  }
  return 0;
}

function sameNode(a: NodeInfo, b: NodeInfo): boolean {
  return (
    a.hop === b.hop &&
    a.role === b.role &&
    a.region === b.region &&
    a.url === b.url &&
    a.publicUrl === b.publicUrl &&
    a.draining === b.draining &&
    a.startedAt === b.startedAt
  );
}

function alike(a: Holding, b: Holding): boolean {
  return (
    a.epoch === b.epoch &&
    a.cost === b.cost &&
    a.ended === b.ended &&
    a.hops.length === b.hops.length &&
    a.hops.every((hop, i) => hop === b.hops[i])
  );
}
