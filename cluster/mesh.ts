import type { Clock } from "../moq/clock.ts";
import type {
  Advertisement,
  Broadcast,
  BroadcastFinder,
  Broadcasts,
  Publication,
  Route,
  Source,
} from "../moq/model/index.ts";
import type { Reason } from "../moq/reason.ts";
import type { AnnounceTable } from "../moq/session/index.ts";
import type { ClockBound } from "./clock-bound.ts";
import {
  type BroadcastScope,
  type Holding,
  type NodeInfo,
  RELAY_COST,
  type Role,
  type Scope,
  type ScopeSink,
  scopeKey,
} from "./contract.ts";
import type { MeshSource, MeshSourceDeps } from "./failover/index.ts";
import type { Rootless } from "./rootless/index.ts";
import {
  ExternalAnnouncements,
  type Holders,
  Interest,
  type RouteTable,
  type ScopeTold,
  Stamper,
} from "./routes/index.ts";

/**
 * Longest that a regional keeps what it cannot get, in milliseconds: the edges that it serves know other ways, and keep
 * their viewers meanwhile.
 */
const PASS_ON_MS = 1_000;

/** How long a relay waits for a way to a broadcast, and what it says when there is none. */
export function patienceOf(role: Role, holdMs: number): Pick<MeshSourceDeps, "holdMs" | "lostAs"> {
  return role !== "regional"
    ? { holdMs, lostAs: "upstream" }
    : { holdMs: Math.min(holdMs, PASS_ON_MS), lostAs: "unroutable" };
}

/** Milliseconds until relays that could not be reached are tried anew for those who still wait. */
const RENEW_MS = 500;

/** The relay's hold on the roots. */
export interface Registrar {
  /** This relay has the broadcast first-hand; told again when something of it changes. */
  hold(holding: Holding): void;
  release(path: string): void;
  ask(scope: Scope, sink: ScopeSink): () => void;
}

export interface MeshDeps {
  readonly self: NodeInfo;
  readonly broadcasts: Broadcasts;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  readonly registrar: Registrar;
  readonly table: RouteTable;
  /** Bounds the epochs that publishers may give. */
  readonly clocks: Pick<ClockBound, "takes">;
  readonly tiers: Pick<Rootless, "want" | "changed" | "close">;
  readonly lingerMs: number;
  readonly maxScopes: number;
  readonly redundant: readonly string[];
  readonly cost: number;
  /** A source for one broadcast of one epoch; `idle` is called when nothing is subscribed through it any more. */
  readonly source: (on: MeshSourceEvents) => MeshSource;
  /** Something was given up at a bound. */
  readonly refused: (bound: "mesh_scopes") => void;
}

export type MeshSourceEvents = Pick<MeshSourceDeps, "candidates" | "idle" | "spent">;

/** A broadcast that is had from other relays. */
interface Remote {
  readonly epoch: bigint;
  readonly source: MeshSource;
  /** Nothing while nobody is known to hold it any more, but tracks of it still run. */
  publication: Publication | undefined;
}

/**
 * Puts the broadcasts of other relays into `Broadcasts`, where somebody asks for them here, and tells the roots of those that are
 * published here. Does no I/O.
 */
export class Mesh implements BroadcastFinder {
  /** What sessions of publishers put their announcements into. */
  readonly announcements: AnnounceTable;
  readonly #deps: MeshDeps;
  readonly #interest: Interest;
  readonly #stamper: Stamper;
  readonly #entrances = new ExternalAnnouncements();
  readonly #remotes = new Map<string, Remote>();
  readonly #sources = new WeakSet<Source>();
  /** What was registered, by path. */
  readonly #held = new Map<string, Route>();
  /** The source that is being put into `Broadcasts`: tracks may go over to it, and leave it, before that is done. */
  #offering: MeshSource | undefined;
  readonly #renewals = new Set<() => void>();
  /** Broadcasts of others that found no place in `Broadcasts`, each with its way out of the line. */
  readonly #unplaced = new Map<string, () => void>();
  #stopRivals: (() => void) | undefined;
  #asked = 0;
  readonly #stopNodes: () => void;

  constructor(deps: MeshDeps) {
    this.#deps = deps;
    const { broadcasts, clock, lingerMs, maxScopes, registrar, wallNow, redundant, cost } = deps;
    this.#interest = new Interest({
      clock,
      lingerMs,
      maxScopes,
      ask: (scope, told) => this.#askAll(scope, told),
      refused: () => deps.refused("mesh_scopes"),
    });
    this.#stamper = new Stamper({ wallNow, redundant, cost, latest: (path) => this.#latest(path) });
    this.announcements = {
      list: (prefix) => broadcasts.list(prefix),
      watch: (prefix, watcher, interests) => broadcasts.watch(prefix, watcher, interests),
      publish: (path, advertisement, source) =>
        this.#entrances.publish(path, advertisement, {
          publish: (first) => this.#publish(path, first, source),
          holders: () => deps.table.holders(path),
        }),
      whenRoom: (callback) => broadcasts.whenRoom(callback),
    };
    this.#stopNodes = registrar.ask(
      { kind: "nodes" },
      this.#sink("nodes", () => {}),
    );
    broadcasts.findWith(this);
  }

  /** Broadcasts that are had from other relays, and of those published here that were registered. */
  get counts(): { remote: number; held: number; scopes: number } {
    return { remote: this.#remotes.size, held: this.#held.size, scopes: this.#interest.size };
  }

  watching(prefix: string, complete: () => void): () => void {
    return this.#interest.watching(prefix, complete);
  }

  wanting(path: string): () => void {
    return this.#interest.wanting(path);
  }

  /** Whether a publisher of the broadcast is here, or a relay outside the mesh. */
  firstHand(path: string): boolean {
    return this.#held.has(path);
  }

  routed(broadcast: Broadcast): void {
    const { registrar, self } = this.#deps;
    const { path } = broadcast;
    const local = broadcast.routes.find(({ source }) => !this.#sources.has(source));
    const before = this.#held.get(path);
    if (local === before) return;
    if (local === undefined) {
      this.#held.delete(path);
      registrar.release(path);
    } else {
      this.#held.set(path, local);
      const { epoch, hops, cost, ended } = local.advertisement;
      registrar.hold({ path, node: self.node, epoch, hops: [...hops, self.hop], cost, ended });
    }
    this.#watchRivals();
    this.#settle(path);
  }

  /** What is known of the holders of `path` changed. */
  changed(path: string): void {
    this.#entrances.changed(path);
    this.#settle(path);
  }

  /** Relays came, went, or changed. */
  nodesChanged(): void {
    this.#deps.tiers.changed();
    for (const remote of this.#remotes.values()) remote.source.candidatesChanged();
  }

  close(): void {
    this.#interest.close();
    this.#deps.tiers.close();
    for (const cancel of this.#renewals) cancel();
    for (const leaveLine of this.#unplaced.values()) leaveLine();
    this.#stopRivals?.();
    this.#stopNodes();
    for (const remote of [...this.#remotes.values()]) remote.source.close();
    this.#remotes.clear();
  }

  /** Makes the route of `Broadcasts` to `path` through the mesh what it is to be by now. */
  #settle(path: string): void {
    const { table } = this.#deps;
    const holders = table.holders(path);
    const local = this.#held.get(path)?.advertisement.epoch ?? 0n;
    const wanted = holders !== undefined && holders.epoch >= local ? holders : undefined;
    const before = this.#remotes.get(path);
    if (wanted === undefined) {
      this.#unplaced.get(path)?.();
      this.#unplaced.delete(path);
      if (before !== undefined) this.#withdraw(path, before);
      return;
    }
    const advertisement = advertisementOf(wanted);
    if (before?.epoch === wanted.epoch) {
      if (before.publication === undefined) before.publication = this.#offer(path, advertisement, before.source);
      else before.publication.update(advertisement);
      before.source.candidatesChanged();
      return;
    }
    const source = this.#source(path, wanted.epoch);
    const publication = this.#offer(path, advertisement, source);
    if (publication === undefined) return;
    this.#remotes.set(path, { epoch: wanted.epoch, source, publication });
    // After the new one is there, so that tracks go over rather than end.
    before?.publication?.end(false);
  }

  #source(path: string, epoch: bigint): MeshSource {
    const { table } = this.#deps;
    const source: MeshSource = this.#deps.source({
      candidates: () => table.candidates(path, epoch),
      idle: () => {
        const remote = this.#remotes.get(path);
        const offered = remote?.publication !== undefined || this.#offering === source;
        if (remote?.source === source && !offered) this.#remotes.delete(path);
      },
      spent: () => this.#renewSoon(path, source),
    });
    this.#sources.add(source);
    return source;
  }

  /**
   * A track of the source was given up, and whoever still waits for it looks for another way. As long as somebody is known to hold
   * the broadcast there is one: the same relays, tried anew.
   */
  #renewSoon(path: string, source: MeshSource): void {
    const cancel = this.#deps.clock.timer(RENEW_MS, () => {
      this.#renewals.delete(cancel);
      const before = this.#remotes.get(path);
      const holders = this.#deps.table.holders(path);
      if (before?.source !== source || before.publication === undefined || holders?.epoch !== before.epoch) return;
      const next = this.#source(path, before.epoch);
      const publication = this.#offer(path, advertisementOf(holders), next);
      if (publication === undefined) return;
      this.#remotes.set(path, { epoch: before.epoch, source: next, publication });
      before.publication.end(false);
    });
    this.#renewals.add(cancel);
  }

  #offer(path: string, advertisement: Advertisement, source: MeshSource): Publication | undefined {
    const before = this.#offering;
    this.#offering = source;
    const publication = this.#deps.broadcasts.publish(path, advertisement, source);
    this.#offering = before;
    if (typeof publication !== "string") return publication;
    if (publication === "limit" && !this.#unplaced.has(path)) {
      const settle = () => {
        this.#unplaced.delete(path);
        this.#settle(path);
      };
      this.#unplaced.set(path, this.#deps.broadcasts.whenRoom(settle));
    }
    return undefined;
  }

  /** Nobody holds it any more, as far as is known: its tracks conclude by themselves. */
  #withdraw(path: string, remote: Remote): void {
    const { publication } = remote;
    remote.publication = undefined;
    if (remote.source.idle) this.#remotes.delete(path);
    publication?.end(false);
  }

  #publish(path: string, advertisement: Advertisement, source: Source): Publication | Reason {
    const { clocks, self } = this.#deps;
    if (!clocks.takes(advertisement.epoch, self.node)) return "limit";
    const stamped = this.#stamper.stamp(path, advertisement);
    const publication = this.#deps.broadcasts.publish(path, stamped, source);
    if (typeof publication === "string") return publication;
    return {
      update: (next) => {
        if (clocks.takes(next.epoch, self.node)) publication.update(this.#stamper.restamp(next, stamped.epoch));
      },
      leave: () => publication.leave?.(),
      end: (lost) => publication.end(lost),
    };
  }

  #latest(path: string): bigint {
    const here = this.#held.get(path)?.advertisement.epoch ?? 0n;
    const elsewhere = this.#deps.table.holders(path)?.epoch ?? 0n;
    return here > elsewhere ? here : elsewhere;
  }

  /** Whoever holds something hears of others that hold the same. */
  #watchRivals(): void {
    if (this.#held.size > 0 && this.#stopRivals === undefined) {
      this.#stopRivals = this.#ask({ kind: "rivals" }, () => {});
    } else if (this.#held.size === 0) {
      this.#stopRivals?.();
      this.#stopRivals = undefined;
    }
  }

  /** Asks a root, and the tiers while there is none. */
  #askAll(scope: BroadcastScope, told: ScopeTold): () => void {
    const want = this.#deps.tiers.want(scope, told);
    const stop = this.#ask(scope, () => {
      told(true);
      want.answered();
    });
    return () => {
      stop();
      want.release();
    };
  }

  #ask(scope: Scope, complete: () => void): () => void {
    // Of its own: while one takes another's place the same may be asked for twice, and each takes back what it told.
    const key = `${scopeKey(scope)} ${this.#asked++}`;
    const told = new Map<string, Set<string>>();
    const stop = this.#deps.registrar.ask(scope, this.#sink(key, complete, told));
    return () => {
      stop();
      for (const [path, nodes] of told) for (const node of nodes) this.#deps.table.holdingGone(path, node, key);
    };
  }

  /** `told`: what the scope told of and did not take back. */
  #sink(key: string, complete: () => void, told = new Map<string, Set<string>>()): ScopeSink {
    const { table } = this.#deps;
    return {
      node: (info) => {
        this.#entrances.learn(info.hop);
        table.node(info, "root");
      },
      nodeGone: (node) => table.nodeGone(node, "root"),
      holding: (holding) => {
        const nodes = told.get(holding.path) ?? new Set<string>();
        told.set(holding.path, nodes.add(holding.node));
        table.holding(holding, key);
      },
      holdingGone: (path, node) => {
        const nodes = told.get(path);
        nodes?.delete(node);
        if (nodes?.size === 0) told.delete(path);
        table.holdingGone(path, node, key);
      },
      complete,
    };
  }
}

function advertisementOf({ epoch, holdings }: Holders): Advertisement {
  const [best] = holdings;
  if (best === undefined) throw new Error("holders without a holding");
  return { epoch, hops: best.hops, cost: best.cost + RELAY_COST, ended: best.ended };
}
