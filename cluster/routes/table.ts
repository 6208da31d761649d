import { sameAdvertisement } from "../../moq/model/index.ts";
import { isUnder } from "../../moq/path.ts";
import type { ClockBound } from "../clock-bound.ts";
import type { Holding, NodeInfo } from "../contract.ts";
import { type NodeSource, Nodes } from "./nodes.ts";
import { rank } from "./rendezvous.ts";

/** How a relay was when it was last dialled. */
export type Health = "unknown" | "up" | "down";

/** Regionals that a broadcast may be taken from, best first: the one where it gathers, and those that stand in for it. */
const MAX_REGIONALS = 4;

export interface RouteTableDeps {
  readonly self: Pick<NodeInfo, "node" | "role" | "region" | "hop">;
  /** Regions to go to where there is nobody in this relay's own, best first. */
  readonly regions: readonly string[];
  readonly health: (node: string) => Health;
  /** Bounds the epochs that are believed. */
  readonly clocks: Pick<ClockBound, "takes">;
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
  /** What counts of what was told. */
  holding: Holding;
  /** By the scope that told it, latest last; it is known for as long as one does. */
  readonly told: Map<string, Holding>;
}

/**
 * Relays, who has what, and the way there. Pure: it is told and asked, and does nothing.
 *
 * Media takes the tiers: an edge goes to a regional of its region, chosen by rendezvous hashing of the path, so that one
 * broadcast gathers at one regional, or to one of the next region that it prefers; everybody else, and an edge without a regional, goes
 * to the relay that has the broadcast first-hand, the cheapest first and then the nearest. What another relay asks of one that is no edge is served first-hand only, so no way is longer than two and none
 * leads back.
 */
export class RouteTable {
  readonly #deps: RouteTableDeps;
  readonly #nodes: Nodes;
  readonly #held = new Map<string, Map<string, Held>>();
  #holdings = 0;

  constructor(deps: RouteTableDeps) {
    this.#deps = deps;
    this.#nodes = new Nodes(deps.self);
  }

  /** What there is to know, for the metrics. */
  get counts(): { nodes: number; broadcasts: number; holdings: number } {
    return { nodes: this.#nodes.size, broadcasts: this.#held.size, holdings: this.#holdings };
  }

  get(node: string): NodeInfo | undefined {
    return this.#nodes.get(node);
  }

  node(info: NodeInfo, from: NodeSource): void {
    const before = this.#nodes.get(info.node)?.hop;
    if (!this.#nodes.set(info, from)) return;
    if (info.hop !== 0n && before !== info.hop) this.#deps.restarted(info.node);
    this.#deps.nodesChanged();
  }

  nodeGone(node: string, from: NodeSource): void {
    if (this.#nodes.delete(node, from)) this.#deps.nodesChanged();
  }

  /** The relay that was reached under that name has that id in the hops of announcements. */
  met(node: string, hop: bigint): void {
    if (this.#nodes.met(node, hop)) this.#deps.nodesChanged();
  }

  holding(holding: Holding, scope: string): void {
    const { path, node } = holding;
    if (node === this.#deps.self.node || !this.#deps.clocks.takes(holding.epoch, node)) return;
    const all = this.#held.get(path) ?? new Map<string, Held>();
    this.#held.set(path, all);
    const known = all.get(node);
    if (known === undefined) {
      all.set(node, { holding, told: new Map([[scope, holding]]) });
      this.#holdings++;
      this.#deps.changed(path);
      return;
    }
    known.told.delete(scope);
    this.#weigh(known.told.set(scope, holding), known);
  }

  holdingGone(path: string, node: string, scope: string): void {
    const known = this.#held.get(path)?.get(node);
    if (!known?.told.delete(scope)) return;
    if (known.told.size === 0) this.holdingOver(path, node);
    else this.#weigh(known.told, known);
  }

  /** Whoever told of it: it is known that the relay has it no more. */
  holdingOver(path: string, node: string): void {
    const all = this.#held.get(path);
    if (all === undefined || !all.delete(node)) return;
    this.#holdings--;
    if (all.size === 0) this.#held.delete(path);
    this.#deps.changed(path);
  }

  /** All that is known at or under a prefix. */
  *under(prefix: string): Generator<Holding> {
    for (const [path, all] of this.#held) {
      if (!isUnder(path, prefix)) continue;
      for (const { holding } of all.values()) yield holding;
    }
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
    const direct = holders?.epoch === epoch ? holders.holdings.map(({ node }) => this.#nodes.current(node)) : [];
    const regionals = self.role === "edge" && holders !== undefined ? this.#regionals(path, direct) : [];
    const tier = this.#fitFirst(regionals).slice(0, MAX_REGIONALS);
    const ways = [...new Set([...tier, ...direct])].filter((node) => this.get(node) !== undefined);
    return this.#fitFirst(ways);
  }

  /**
   * Whom to ask when no root can be, as groups: all of the first one, and of the next one where nobody in those before it can be
   * asked. An edge asks a regional, everybody else, and an edge without one, all the origins that are known.
   */
  tiers(key: string): string[][] {
    const regionals = this.#deps.self.role === "edge" ? this.#regionals(key, []) : [];
    const origins = [...this.#nodes.values()].filter(({ role, url }) => role === "origin" && url !== "");
    return [
      ...regionals.filter((node) => this.get(node)?.draining !== true).map((node) => [node]),
      origins.map(({ node }) => node),
    ];
  }

  /** Name of the relay that is known to have that id in the hops of announcements. */
  named(hop: bigint): string | undefined {
    return this.#nodes.named(hop);
  }

  /** A relay to send viewers to instead of this one: of the same role, the nearest. */
  refuge(): NodeInfo | undefined {
    const { self, health } = this.#deps;
    const fit = [...this.#nodes.values()].filter(
      ({ node, role, draining, publicUrl }) =>
        role === self.role && !draining && publicUrl !== "" && health(node) !== "down",
    );
    const nearest = fit.reduce(
      (least, { region }) => Math.min(least, this.#distance(region)),
      Number.POSITIVE_INFINITY,
    );
    const among = fit.filter(({ region }) => this.#distance(region) === nearest);
    const [first] = rank(
      self.node,
      among.map(({ node }) => node),
    );
    return among.find(({ node }) => node === first);
  }

  /** Of what several tell of one relay's holding, the highest epoch counts, and then the latest word. */
  #weigh(told: ReadonlyMap<string, Holding>, known: Held): void {
    let best: Holding | undefined;
    for (const holding of told.values()) if (best === undefined || holding.epoch >= best.epoch) best = holding;
    if (best === undefined || sameAdvertisement(known.holding, best)) return;
    known.holding = best;
    this.#deps.changed(best.path);
  }

  /** Regionals of this relay's region, then of those that it prefers, each region's best first; nobody of others. */
  #regionals(path: string, holders: readonly string[]): string[] {
    const { self, regions } = this.#deps;
    const all = [...this.#nodes.values()].filter(({ role, url }) => role === "regional" && url !== "");
    const ways = [self.region, ...regions].flatMap((region) => {
      const near = all.filter((info) => info.region === region).map(({ node }) => node);
      // One that has it first-hand is as good as the holder it is.
      return [...holders.filter((node) => near.includes(node)), ...rank(path, near)];
    });
    return [...new Set(ways)];
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
      this.#distance(this.get(node)?.region),
      order.indexOf(node),
    ];
    return holdings
      .map((holding) => ({ holding, key: key(holding) }))
      .sort((a, b) => compare(a.key, b.key))
      .map(({ holding }) => holding);
  }

  /** 0 for this relay's own region, then as it prefers them; the others are all as far. */
  #distance(region: string | undefined): number {
    const { self, regions } = this.#deps;
    if (region === self.region) return 0;
    const at = region === undefined ? -1 : regions.indexOf(region);
    return at < 0 ? regions.length + 1 : at + 1;
  }

  #fitFirst(nodes: readonly string[]): string[] {
    return [...nodes.filter((node) => this.#fit(node)), ...nodes.filter((node) => !this.#fit(node))];
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
