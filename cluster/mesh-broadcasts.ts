import type { Clock } from "../moq/clock.ts";
import {
  type Advertisement,
  type Broadcast,
  type BroadcastFinder,
  type Broadcasts,
  type Publication,
  prefixes,
  pushSameTrack,
  type Route,
  type Source,
} from "../moq/model/index.ts";
import type { Reason } from "../moq/reason.ts";
import type { AnnounceTable } from "../moq/session/index.ts";
import type { ClockBound } from "./clock-bound.ts";
import {
  type BroadcastScope,
  type NodeInfo,
  RELAY_COST,
  type Registrar,
  type Scope,
  type ScopeSink,
  scopeKey,
} from "./contract.ts";
import type { MeshSource, MeshSourceDeps } from "./failover/index.ts";
import { type AskedPlace, PushedElsewhere, type PushedLinks } from "./pushed/index.ts";
import type { Rootless } from "./rootless/index.ts";
import {
  ExternalAnnouncements,
  type Holders,
  Interest,
  type RouteTable,
  type ScopeProgress,
  ScopesAbove,
  Stamper,
} from "./routes/index.ts";

/** Milliseconds until a subscription that lost its track asks the same relays again. */
const RETRY_MS = 500;

export interface MeshBroadcastsDeps {
  readonly self: NodeInfo;
  readonly broadcasts: Broadcasts;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  readonly registrar: Registrar;
  readonly table: RouteTable;
  /** Bounds the epochs that publishers may give. */
  readonly clocks: Pick<ClockBound, "accepts">;
  readonly rootless: Pick<Rootless, "want" | "changed" | "close">;
  readonly links: PushedLinks;
  readonly lingerMs: number;
  readonly maxScopes: number;
  readonly redundant: readonly string[];
  readonly cost: number;
  /** Makes a source for one broadcast of one epoch. It calls `idle` when the last subscription through it has ended. */
  readonly source: (on: MeshSourceEvents) => MeshSource;
  /** A bound was hit. */
  readonly refused: (bound: "mesh_scopes" | "mesh_tier_relays") => void;
}

export type MeshSourceEvents = Pick<MeshSourceDeps, "epoch" | "candidates" | "besides" | "idle" | "spent">;

/** A broadcast of other relays. */
interface Remote {
  readonly epoch: bigint;
  readonly source: MeshSource;
  /** Absent once no holder is known, while tracks of the broadcast still run. */
  publication: Publication | undefined;
}

/**
 * Publishes the broadcasts of other relays here, as far as sessions here ask for them, and registers with the roots the broadcasts that
 * are published here. Does no I/O.
 */
export class MeshBroadcasts implements BroadcastFinder {
  /** Takes the announcements of publishers. */
  readonly announcements: AnnounceTable;
  readonly #deps: MeshBroadcastsDeps;
  readonly #interest: Interest;
  readonly #stamper: Stamper;
  readonly #pushed: PushedElsewhere;
  readonly #above: ScopesAbove;
  readonly #external = new ExternalAnnouncements();
  readonly #remotes = new Map<string, Remote>();
  readonly #sources = new WeakSet<Source>();
  /** The routes that are registered, by path. */
  readonly #registered = new Map<string, Route>();
  /** The source that is being published now: tracks may move to it, and leave it, before its publication exists. */
  #publishing: MeshSource | undefined;
  /** Cancel the retries that are due later. */
  readonly #retries = new Set<() => void>();
  /** Remote broadcasts that `Broadcasts` had no room for, by path; each value ends the wait for room. */
  readonly #waitingForRoom = new Map<string, () => void>();
  #stopRivals: (() => void) | undefined;
  #asks = 0;
  readonly #stopNodes: () => void;

  constructor(deps: MeshBroadcastsDeps) {
    this.#deps = deps;
    const { broadcasts, clock, lingerMs, maxScopes, registrar, wallNow, redundant, cost } = deps;
    const refused = () => deps.refused("mesh_scopes");
    this.#interest = new Interest({
      clock,
      lingerMs,
      maxScopes,
      ask: (scope, progress) => this.#askAll(scope, progress),
      refused,
    });
    this.#stamper = new Stamper({ wallNow, redundant, cost, latest: (path) => this.#latest(path) });
    this.#above = new ScopesAbove({ ...deps, refused, ask: (path) => this.#ask({ kind: "exact", path }, () => {}) });
    this.#pushed = new PushedElsewhere({
      ...deps,
      maxPrefixes: maxScopes,
      paths: () => this.#remotes.keys(),
      place: (path) => this.#place(path),
      changed: (path) => this.#refresh(path),
    });
    this.announcements = {
      list: (prefix) => broadcasts.list(prefix),
      resolve: (path, exclude, source) => broadcasts.resolve(path, exclude, source),
      watch: (prefix, watcher, interests) => broadcasts.watch(prefix, watcher, interests),
      publish: (path, advertisement, source) =>
        this.#external.publish(path, advertisement, {
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

  /**
   * Broadcasts of other relays, broadcasts registered as published here, scopes asked for, prefixes under which pushed tracks are wanted, and
   * relays that are asked for them.
   */
  get counts() {
    const { prefixes: pushedPrefixes, relays: pushedRelays } = this.#pushed.counts;
    const [remote, registered] = [this.#remotes.size, this.#registered.size];
    const scopes = this.#interest.size + this.#above.size;
    return { remote, registered, scopes, pushedPrefixes, pushedRelays };
  }

  watching(prefix: string, complete: () => void, pushed: boolean): () => void {
    const releases = [this.#above.use(prefix), this.#interest.watching(prefix, complete)];
    if (pushed) releases.push(this.#pushed.watching(prefix));
    return () => {
      for (const release of releases) release();
    };
  }

  wanting(path: string): () => void {
    const releases = [this.#above.use(path), this.#interest.wanting(path)];
    return () => {
      for (const release of releases) release();
    };
  }

  /** Whether a publisher of the broadcast, or a relay outside the mesh that has it, is connected here. Its route may be that of a prefix. */
  firstHand(path: string): boolean {
    if (this.#registered.has(path)) return true;
    for (const prefix of prefixes(path)) {
      if (this.#registered.get(prefix)?.advertisement.covers?.(path) === true) return true;
    }
    return false;
  }

  routed(broadcast: Broadcast): void {
    const { registrar, self } = this.#deps;
    const { path } = broadcast;
    const local = broadcast.routes.find(({ source }) => !this.#sources.has(source));
    const before = this.#registered.get(path);
    if (local === before) return;
    if (local === undefined) {
      this.#registered.delete(path);
      registrar.release(path);
    } else {
      this.#registered.set(path, local);
      const { epoch, hops, cost, ended, covers, coldCost } = local.advertisement;
      const prefix = { ...(covers && { covers }), ...(coldCost !== undefined && { coldCost }) };
      registrar.hold({ path, node: self.node, epoch, hops: [...hops, self.hop], cost, ended, ...prefix });
    }
    this.#watchRivals();
    this.#refresh(path);
    this.#pushed.moved(path);
  }

  /** The holders of `path` changed. */
  changed(path: string): void {
    this.#external.changed(path);
    this.#refresh(path);
    this.#pushed.moved(path);
  }

  /** Relays came, went, or changed. */
  nodesChanged(): void {
    this.#deps.rootless.changed();
    for (const remote of this.#remotes.values()) remote.source.candidatesChanged();
    this.#pushed.allMoved();
  }

  close(): void {
    this.#interest.close();
    this.#above.close();
    this.#pushed.close();
    this.#deps.rootless.close();
    for (const cancel of this.#retries) cancel();
    for (const cancel of this.#waitingForRoom.values()) cancel();
    this.#stopRivals?.();
    this.#stopNodes();
    for (const remote of [...this.#remotes.values()]) remote.source.close();
    this.#remotes.clear();
  }

  /** Publishes, updates or withdraws the route to `path` through the mesh, as the holders are now. */
  #refresh(path: string): void {
    const { table } = this.#deps;
    const holders = table.holders(path);
    const local = this.#registered.get(path)?.advertisement.epoch ?? 0n;
    const wanted = holders !== undefined && holders.epoch >= local ? holders : undefined;
    const before = this.#remotes.get(path);
    if (wanted === undefined) {
      this.#waitingForRoom.get(path)?.();
      this.#waitingForRoom.delete(path);
      if (before !== undefined) this.#withdraw(path, before);
      return;
    }
    const advertisement = this.#advertisement(path, wanted);
    if (before?.epoch === wanted.epoch) {
      if (before.publication === undefined)
        before.publication = this.#publishRemote(path, advertisement, before.source);
      else before.publication.update(advertisement);
      before.source.candidatesChanged();
      return;
    }
    const source = this.#source(path, wanted.epoch);
    const publication = this.#publishRemote(path, advertisement, source);
    if (publication === undefined) return;
    this.#remotes.set(path, { epoch: wanted.epoch, source, publication });
    // Only now, so that tracks move to the new one and do not end.
    before?.publication?.end(false);
  }

  #source(path: string, epoch: bigint): MeshSource {
    const { table } = this.#deps;
    const source: MeshSource = this.#deps.source({
      epoch,
      candidates: (keep) => table.candidates(path, epoch, keep),
      besides: (first) => table.candidatesBeside(path, epoch, first),
      idle: () => {
        const remote = this.#remotes.get(path);
        const offered = remote?.publication !== undefined || this.#publishing === source;
        if (remote?.source === source && !offered) this.#remotes.delete(path);
      },
      spent: () => this.#retrySoon(path, source),
    });
    this.#sources.add(source);
    return source;
  }

  /**
   * The source gave up a track. Subscriptions that still wait get another source, as long as a holder of the broadcast is known: the
   * new source asks the same relays again.
   */
  #retrySoon(path: string, source: MeshSource): void {
    const cancel = this.#deps.clock.timer(RETRY_MS, () => {
      this.#retries.delete(cancel);
      const before = this.#remotes.get(path);
      const holders = this.#deps.table.holders(path);
      if (before?.source !== source || before.publication === undefined || holders?.epoch !== before.epoch) return;
      const next = this.#source(path, before.epoch);
      const publication = this.#publishRemote(path, this.#advertisement(path, holders), next);
      if (publication === undefined) return;
      this.#remotes.set(path, { epoch: before.epoch, source: next, publication });
      before.publication.end(false);
    });
    this.#retries.add(cancel);
  }

  /** Never cheaper than a publisher of the same content that is connected here, whatever that one costs. */
  #advertisement(path: string, { epoch, holdings }: Holders): Advertisement {
    const [best] = holdings;
    if (best === undefined) throw new Error("holders without a holding");
    const local = this.#registered.get(path)?.advertisement;
    const least = local?.epoch === epoch ? local.cost : 0;
    const offered = this.#pushed.tracks(path, epoch);
    const { hops, ended, covers, coldCost } = best;
    const cost = Math.max(best.cost, least) + RELAY_COST;
    const prefix = { ...(covers && { covers }), ...(coldCost !== undefined && { coldCost: coldCost + RELAY_COST }) };
    return { epoch, hops, cost, ended, ...prefix, ...(offered && { offered }) };
  }

  /** The relay that the broadcast is taken from first. */
  #place(path: string): AskedPlace | undefined {
    const { table } = this.#deps;
    const remote = this.#remotes.get(path);
    const [node] = remote?.publication === undefined ? [] : table.candidates(path, remote.epoch);
    if (node === undefined) return undefined;
    const holdings = table.holders(path)?.holdings ?? [];
    return { node, firstHand: holdings.some((holding) => holding.node === node) };
  }

  #publishRemote(path: string, advertisement: Advertisement, source: MeshSource): Publication | undefined {
    const before = this.#publishing;
    this.#publishing = source;
    const publication = this.#deps.broadcasts.publish(path, advertisement, source);
    this.#publishing = before;
    if (typeof publication !== "string") return publication;
    if (publication === "limit" && !this.#waitingForRoom.has(path)) {
      const refresh = () => {
        this.#waitingForRoom.delete(path);
        this.changed(path);
      };
      this.#waitingForRoom.set(path, this.#deps.broadcasts.whenRoom(refresh));
    }
    return undefined;
  }

  /** No holder is known any more. Tracks that run end by themselves. */
  #withdraw(path: string, remote: Remote): void {
    const { publication } = remote;
    remote.publication = undefined;
    if (remote.source.idle) this.#remotes.delete(path);
    publication?.end(false);
  }

  #publish(path: string, advertisement: Advertisement, source: Source): Publication | Reason {
    const { clocks, self } = this.#deps;
    if (!clocks.accepts(advertisement.epoch, self.node)) return "limit";
    const stamped = this.#stamper.stamp(path, this.#joined(path, advertisement));
    const publication = this.#deps.broadcasts.publish(path, stamped, source);
    if (typeof publication === "string") return publication;
    return {
      update: (next) => {
        if (clocks.accepts(next.epoch, self.node)) publication.update(this.#stamper.restamp(next, stamped.epoch));
      },
      leave: () => publication.leave?.(),
      end: (lost) => publication.end(lost),
    };
  }

  /**
   * A source that has the content of one that is known gets its epoch, where its publisher assigns none:
   *
   * - A route with the same first hop, which stands for the content (moq-lite Routing).
   * - A source that only pushes other tracks than the publisher of the broadcast here.
   */
  #joined(path: string, advertisement: Advertisement): Advertisement {
    const here = this.#registered.get(path)?.advertisement;
    if (advertisement.epoch !== 0n) return advertisement;
    const routes = this.#deps.broadcasts.broadcast(path)?.routes ?? [];
    const [first = 0n] = advertisement.hops;
    const alike = first === 0n ? undefined : routes.find((one) => one.advertisement.hops[0] === first);
    if (alike !== undefined) return { ...advertisement, epoch: alike.advertisement.epoch };
    if (advertisement.pushed === undefined || here === undefined) return advertisement;
    const replaces = routes.some((one) => pushSameTrack(one.advertisement, advertisement));
    return replaces ? advertisement : { ...advertisement, epoch: here.epoch };
  }

  #latest(path: string): bigint {
    const here = this.#registered.get(path)?.advertisement.epoch ?? 0n;
    const elsewhere = this.#deps.table.holders(path)?.epoch ?? 0n;
    return here > elsewhere ? here : elsewhere;
  }

  /** A relay with broadcasts of its own asks which other relays have the same ones. */
  #watchRivals(): void {
    if (this.#registered.size > 0 && this.#stopRivals === undefined) {
      this.#stopRivals = this.#ask({ kind: "rivals" }, () => {});
    } else if (this.#registered.size === 0) {
      this.#stopRivals?.();
      this.#stopRivals = undefined;
    }
  }

  /** Asks a root, and other relays while no root answers. */
  #askAll(scope: BroadcastScope, progress: ScopeProgress): () => void {
    const want = this.#deps.rootless.want(scope, progress);
    const stop = this.#ask(scope, () => {
      progress(true);
      want.answered();
    });
    return () => {
      stop();
      want.release();
    };
  }

  #ask(scope: Scope, complete: () => void): () => void {
    // Each ask has a key of its own: during a handover a scope is asked for twice, and each ask withdraws only its own answers.
    const key = `${scopeKey(scope)} ${this.#asks++}`;
    const answers = new Map<string, Set<string>>();
    const stop = this.#deps.registrar.ask(scope, this.#sink(key, complete, answers));
    return () => {
      stop();
      for (const [path, nodes] of answers) for (const node of nodes) this.#deps.table.holdingGone(path, node, key);
    };
  }

  /** `answers`: the answers that were not withdrawn, as nodes by path. */
  #sink(key: string, complete: () => void, answers = new Map<string, Set<string>>()): ScopeSink {
    const { table } = this.#deps;
    return {
      node: (info) => {
        this.#external.learn(info.hop);
        table.node(info, "root");
      },
      nodeGone: (node) => table.nodeGone(node, "root"),
      holding: (holding) => {
        const nodes = answers.get(holding.path) ?? new Set<string>();
        answers.set(holding.path, nodes.add(holding.node));
        table.holding(holding, key);
      },
      holdingGone: (path, node) => {
        const nodes = answers.get(path);
        nodes?.delete(node);
        if (nodes?.size === 0) answers.delete(path);
        table.holdingGone(path, node, key);
      },
      complete,
    };
  }
}
