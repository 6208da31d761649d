import type { Clock } from "../../moq/clock.ts";
import { sameAdvertisement } from "../../moq/model/index.ts";
import { isUnder } from "../../moq/path.ts";
import type { ClockBound } from "../clock-bound.ts";
import type { Holding, NodeInfo } from "../contract.ts";
import { type NodeSource, Nodes } from "./nodes.ts";
import { RegionParents } from "./region-parents.ts";
import { gatheringKey, rank } from "./rendezvous.ts";
import { Shares } from "./shares.ts";
import { Trials } from "./trials.ts";
import { type Way, waysBeside } from "./ways-beside.ts";

/**
 * How a relay was when it was last dialled. `silent`: its link is up, and it answers no probe. `suspected`: it was silent lately, and answers
 * now.
 */
export type Health = "unknown" | "up" | "suspected" | "silent" | "down";

/** Regionals that a broadcast may be taken from: the one that the hash chooses, and those that replace it. */
const MAX_REGIONALS = 4;

/** Milliseconds within which holders that became known did so together: none of them has come back. */
const TOGETHER_MS = 1_000;

export interface RouteTableDeps {
  readonly self: Pick<NodeInfo, "node" | "role" | "region" | "parent" | "hop" | "startedAt" | "publicUrl">;
  /** Regions to use where this relay's own has no regional, best first. */
  readonly regions: readonly string[];
  /** Segments of a path that are hashed; 0: all of them. */
  readonly hashDepth: number;
  readonly health: (node: string) => Health;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** Milliseconds in which a relay that has started gets its share of broadcasts; 0: at once. */
  readonly rampMs: number;
  /** Milliseconds that a holder must be back before it is preferred to another one again; 0: at once. */
  readonly returnMs: number;
  /** Refuses epochs that are too far ahead. */
  readonly clocks: Pick<ClockBound, "accepts">;
  /** The known holders of a broadcast changed. */
  readonly changed: (path: string) => void;
  /** Relays came, went, moved or drain. */
  readonly nodesChanged: () => void;
  /** The relay has restarted. */
  readonly restarted: (node: string) => void;
}

/** The relays that hold the newest content of a broadcast. */
export interface Holders {
  readonly epoch: bigint;
  /** Best first; never empty. */
  readonly holdings: readonly Holding[];
}

interface KnownHolding {
  /** The one that counts: of the highest epoch, then the latest. */
  holding: Holding;
  /** When it became known, in milliseconds of the clock. */
  readonly since: number;
  /** By the scope in which it was announced, the latest last. Known until no scope has it. */
  readonly byScope: Map<string, Holding>;
}

/**
 * The relays of the mesh, the broadcasts that each holds, and the way to a broadcast. Pure.
 *
 * The way of media:
 * - An edge goes to a regional of its region, chosen by rendezvous hashing of the path or of its first segments, so that one broadcast,
 *   or all of a room, gather at one regional.
 *   Where its region has none, it goes to a regional of the next region that it prefers, and at last of its parent region.
 * - A regional whose region has a parent goes to a regional of that region, chosen in the same way, unless its own region has the holder.
 * - Any other relay, and an edge or regional without such a regional, goes to the holder: the cheapest, then the nearest.
 *
 * No path has a loop: a relay serves other relays only what it holds first-hand, and edges and the regionals of regions below its own
 * everything; regions above one another end at one without a parent ({@link RegionParents}).
 */
export class RouteTable {
  readonly #deps: RouteTableDeps;
  readonly #nodes: Nodes;
  readonly #byPath = new Map<string, Map<string, KnownHolding>>();
  #holdings = 0;
  #parents: RegionParents | undefined;
  readonly #shares: Shares;
  readonly #trials: Trials;
  /** This relay's region, the ones that it prefers, and its parent region, each once. */
  readonly #regions: readonly string[];

  constructor(deps: RouteTableDeps) {
    this.#deps = deps;
    this.#nodes = new Nodes(deps.self);
    this.#shares = new Shares({ ...deps, changed: deps.nodesChanged });
    this.#trials = new Trials({ ...deps, changed: deps.nodesChanged });
    const { region, parent = region } = deps.self;
    this.#regions = [...new Set([region, ...deps.regions, parent])];
  }

  /** For the metrics. */
  get counts(): { nodes: number; broadcasts: number; holdings: number } {
    return { nodes: this.#nodes.size, broadcasts: this.#byPath.size, holdings: this.#holdings };
  }

  get(node: string): NodeInfo | undefined {
    return this.#nodes.get(node);
  }

  node(info: NodeInfo, from: NodeSource): void {
    const before = this.#nodes.get(info.node)?.hop;
    if (!this.#nodes.set(info, from)) return;
    if (info.hop !== 0n && before !== info.hop) {
      if (before !== undefined && before !== 0n) this.#trials.begin(info.node);
      this.#deps.restarted(info.node);
    }
    this.#shares.node(this.#nodes.get(info.node) ?? info);
    this.#changed();
  }

  nodeGone(node: string, from: NodeSource): void {
    if (!this.#nodes.delete(node, from)) return;
    if (this.#nodes.get(node) === undefined) this.#shares.gone(node);
    this.#changed();
  }

  /** A link to the relay came up or was lost, or the relay is suspected. */
  healthChanged(node: string): void {
    const health = this.#deps.health(node);
    if (health === "down" || health === "silent" || health === "suspected") this.#trials.begin(node);
  }

  /** A connection to `node` showed its hop id. */
  met(node: string, hop: bigint): void {
    if (this.#nodes.met(node, hop)) this.#changed();
  }

  holding(holding: Holding, scope: string): void {
    const { path, node } = holding;
    if (node === this.#deps.self.node || !this.#deps.clocks.accepts(holding.epoch, node)) return;
    const all = this.#byPath.get(path) ?? new Map<string, KnownHolding>();
    this.#byPath.set(path, all);
    const known = all.get(node);
    if (known === undefined) {
      const since = this.#deps.clock.now();
      if ([...all.values()].some((other) => since - other.since > TOGETHER_MS)) this.#trials.begin(node, path);
      all.set(node, { holding, since, byScope: new Map([[scope, holding]]) });
      this.#holdings++;
      this.#deps.changed(path);
      return;
    }
    known.byScope.delete(scope);
    this.#choose(known.byScope.set(scope, holding), known);
  }

  holdingGone(path: string, node: string, scope: string): void {
    const known = this.#byPath.get(path)?.get(node);
    if (!known?.byScope.delete(scope)) return;
    if (known.byScope.size === 0) this.holdingOver(path, node);
    else this.#choose(known.byScope, known);
  }

  /** The relay holds it no more, whatever any scope has announced. */
  holdingOver(path: string, node: string): void {
    const all = this.#byPath.get(path);
    if (all === undefined || !all.delete(node)) return;
    this.#holdings--;
    if (all.size === 0) this.#byPath.delete(path);
    this.#deps.changed(path);
  }

  /** All known holdings at or under a prefix. */
  *under(prefix: string): Generator<Holding> {
    for (const [path, all] of this.#byPath) {
      if (!isUnder(path, prefix)) continue;
      for (const { holding } of all.values()) yield holding;
    }
  }

  /** The highest epoch of a broadcast at other relays, and its holders; nothing when none is known. */
  holders(path: string, keep?: string): Holders | undefined {
    const all = this.#byPath.get(path);
    if (all === undefined) return undefined;
    let epoch = 0n;
    for (const { holding } of all.values()) if (holding.epoch > epoch) epoch = holding.epoch;
    const best = [...all.values()].map(({ holding }) => holding).filter((holding) => holding.epoch === epoch);
    return { epoch, holdings: this.#ordered(path, best, keep) };
  }

  /**
   * Relays to take a broadcast of that epoch from, best first. Relays that are down come last, because they may come back. `keep`: it is taken
   * from that relay now, which loses no place because it is busy or has just started.
   */
  candidates(path: string, epoch: bigint, keep?: string): string[] {
    const holders = this.holders(path, keep);
    const direct = holders?.epoch === epoch ? holders.holdings.map(({ node }) => this.#nodes.current(node)) : [];
    const regionals = holders === undefined ? [] : this.#through(path, direct);
    const usable = this.#usableFirst(regionals);
    const held = this.#shares.heldBack(
      this.#key(path),
      usable.filter((node) => this.#isUsable(node)),
      keep,
    );
    const tier = [...usable.filter((node) => !held.has(node)), ...held].slice(0, MAX_REGIONALS);
    const ways = [...new Set([...tier, ...direct])].filter((node) => this.get(node) !== undefined);
    return this.#usableFirst(ways);
  }

  /** Relays to take a broadcast of that epoch from beside the relay `first`, best first. */
  candidatesBeside(path: string, epoch: bigint, first: string): string[] {
    return waysBeside(this.#ways(this.candidates(path, epoch, first)), first);
  }

  /**
   * The relays to ask while no root can be asked, as groups. All of a group are asked; the next group is asked where none of those before
   * can be. An edge asks one regional after the other, then all known origins. Any other relay asks all known origins.
   */
  tiers(key: string): string[][] {
    const regionals = this.#deps.self.role === "edge" ? this.#regionals(key, []) : [];
    const origins = [...this.#nodes.values()].filter(({ role, url }) => role === "origin" && url !== "");
    return [
      ...regionals.filter((node) => this.get(node)?.draining !== true).map((node) => [node]),
      origins.map(({ node }) => node),
    ];
  }

  /**
   * Whether a regional of another region may take from this relay what this relay takes from others. `claim`: the regions that it names
   * itself, which count where no root knows it.
   */
  servesRegional(node: string, claim: Pick<NodeInfo, "region" | "parent">): boolean {
    const { self } = this.#deps;
    const known = this.get(node);
    const { region, parent } = known !== undefined && known.startedAt > 0 ? known : claim;
    if (self.role !== "regional" || parent !== self.region || region === self.region) return false;
    // A relay without a parent region takes everything from holders, so no path through it leads back.
    const { parent: own = self.region } = self;
    return own === self.region || this.#regionParents.ends(self.region);
  }

  /** Whether this relay has a parent region and does not use it, because parent regions lead in a circle. */
  get parentIgnored(): boolean {
    const { region, parent = region } = this.#deps.self;
    return parent !== region && this.#regionParents.circular(region);
  }

  /** The part of its share of broadcasts that a relay gets now: 0 while it is busy, 1 at the end of its ramp. */
  share(node: string): number {
    return this.#shares.part(node);
  }

  close(): void {
    this.#shares.close();
    this.#trials.close();
  }

  /** Name of the known relay with that hop id. */
  named(hop: bigint): string | undefined {
    return this.#nodes.named(hop);
  }

  /** Relays of the same role that take viewers. */
  #siblings(): NodeInfo[] {
    const { self, health } = this.#deps;
    return [...this.#nodes.values()].filter(
      ({ node, role, draining, publicUrl }) =>
        role === self.role && !draining && publicUrl !== "" && health(node) !== "down",
    );
  }

  /** Relays of the same role and region that take more viewers, at an address of their own. */
  free(): NodeInfo[] {
    const { region, publicUrl: own } = this.#deps.self;
    return this.#siblings().filter((info) => info.region === region && info.busy !== true && info.publicUrl !== own);
  }

  /** The relay to which viewers are redirected from this one: the nearest of the same role. */
  refuge(): NodeInfo | undefined {
    const { self } = this.#deps;
    const usable = this.#siblings();
    const nearest = usable.reduce(
      (least, { region }) => Math.min(least, this.#distance(region)),
      Number.POSITIVE_INFINITY,
    );
    const among = usable.filter(({ region }) => this.#distance(region) === nearest);
    const [first] = rank(
      self.node,
      among.map(({ node }) => node),
    );
    return among.find(({ node }) => node === first);
  }

  /** Where scopes differ about a holding, the highest epoch counts, then the latest announcement. */
  #choose(byScope: ReadonlyMap<string, Holding>, known: KnownHolding): void {
    let best: Holding | undefined;
    for (const holding of byScope.values()) if (best === undefined || holding.epoch >= best.epoch) best = holding;
    if (best === undefined) return;
    const whole = withPrefix(best, byScope.values());
    if (sameAdvertisement(known.holding, whole)) return;
    known.holding = whole;
    this.#deps.changed(best.path);
  }

  #changed(): void {
    this.#parents = undefined;
    this.#deps.nodesChanged();
  }

  get #regionParents(): RegionParents {
    this.#parents ??= new RegionParents([...this.#nodes.values(), this.#deps.self]);
    return this.#parents;
  }

  /** Regionals to take a broadcast through, best first. `direct`: its holders, best first. */
  #through(path: string, direct: readonly string[]): string[] {
    const { self } = this.#deps;
    if (self.role === "edge") return this.#regionals(path, direct);
    const [nearest = ""] = direct;
    if (self.role !== "regional" || this.get(nearest)?.region === self.region) return [];
    const { parent = self.region } = self;
    if (parent === self.region || this.parentIgnored) return [];
    return this.#regionalsOf(parent, path, direct);
  }

  #regionalsOf(region: string, path: string, holders: readonly string[]): string[] {
    const near = [...this.#nodes.values()]
      .filter((info) => info.role === "regional" && info.url !== "" && info.region === region)
      .map(({ node }) => node);
    // A regional that holds the broadcast first-hand comes first: the way through it is one hop.
    return [...new Set([...holders.filter((node) => near.includes(node)), ...this.#rank(path, near)])];
  }

  /** Regionals of this relay's region, then of the regions that it prefers, then of its parent region, the best of each first. */
  #regionals(path: string, holders: readonly string[]): string[] {
    return this.#regions.flatMap((region) => this.#regionalsOf(region, path, holders));
  }

  #key(path: string): string {
    return gatheringKey(path, this.#deps.hashDepth);
  }

  #rank(path: string, nodes: readonly string[]): string[] {
    return rank(this.#key(path), nodes);
  }

  #ordered(path: string, holdings: readonly Holding[], keep?: string): Holding[] {
    if (holdings.length < 2) return [...holdings];
    const nodes = holdings.map(({ node }) => node);
    const order = this.#rank(path, nodes);
    const usable = nodes.filter((node) => this.#isUsable(node));
    const held = this.#shares.heldBack(this.#key(path), usable, keep);
    const onTrial = usable.filter((node) => node !== keep && this.#trials.has(node, path));
    const back = new Set(onTrial.length < usable.length ? onTrial : []);
    const key = ({ node, cost }: Holding): readonly number[] => [
      this.#doubt(node),
      Number(back.has(node)),
      cost,
      Number(held.has(node)),
      this.#distance(this.get(node)?.region),
      order.indexOf(node),
    ];
    return holdings
      .map((holding) => ({ holding, key: key(holding) }))
      .sort((a, b) => compare(a.key, b.key))
      .map(({ holding }) => holding);
  }

  /** 0 for this relay's own region, then by preference, then its parent region; all other regions are equally far. */
  #distance(region: string | undefined): number {
    const at = region === undefined ? -1 : this.#regions.indexOf(region);
    return at < 0 ? this.#regions.length : at;
  }

  #ways(nodes: readonly string[]): Way[] {
    return nodes.map((node) => ({ node, role: this.get(node)?.role, usable: this.#isUsable(node) }));
  }

  #usableFirst(nodes: readonly string[]): string[] {
    return nodes.toSorted((a, b) => this.#doubt(a) - this.#doubt(b));
  }

  #isUsable(node: string): boolean {
    return this.#doubt(node) === 0;
  }

  /** 0: usable; 1: only where there is no other one, but it answers; 2: it does not answer. */
  #doubt(node: string): 0 | 1 | 2 {
    const health = this.#deps.health(node);
    if (health === "down" || health === "silent") return 2;
    return health === "suspected" || this.get(node)?.draining === true ? 1 : 0;
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    const by = (a[i] ?? 0) - (b[i] ?? 0);
    if (by !== 0) return by;
  }
  return 0;
}

/** A relay that is asked while no root answers does not say whether the holder serves what is below the path: what a root has said counts. */
function withPrefix(best: Holding, all: Iterable<Holding>): Holding {
  if (best.covers !== undefined) return best;
  for (const { epoch, covers, coldCost } of all) {
    if (covers === undefined || epoch !== best.epoch) continue;
    return { ...best, covers, ...(coldCost !== undefined && { coldCost }) };
  }
  return best;
}
