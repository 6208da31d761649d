import type { Clock } from "../../moq/clock.ts";
import { prefixes } from "../../moq/model/index.ts";
import { isUnder } from "../../moq/path.ts";
import { type BroadcastScope, type Holding, scopeKey } from "../contract.ts";
import type { RouteTable, ScopeProgress } from "../routes/index.ts";
import type { AskEvents, RootlessAsk } from "./ask.ts";
import { AskedRelay, type AskLinks } from "./asked.ts";

/** Milliseconds without a root before relays are asked: long enough for a root's restart, or this relay's start. */
const GRACE_MS = 500;

/** Relays that are asked at once; a mesh with more origins needs a root. */
const MAX_RELAYS = 256;

export type RootlessBound = "mesh_tier_relays" | "mesh_tier_asks";

export interface RootlessDeps {
  readonly clock: Clock;
  readonly links: AskLinks;
  readonly table: Pick<RouteTable, "tiers" | "named" | "get" | "under" | "holding" | "holdingGone" | "holdingOver">;
  /** Milliseconds that an answer stays known after the relay is gone, and that relays have to register again at a root. */
  readonly leaseMs: number;
  /** No other relay is configured, so there is none to ask. */
  readonly alone: boolean;
  /** A bound was hit. */
  readonly refused: (bound: RootlessBound) => void;
  /** Relays are asked from now on, or not any more. */
  readonly activeChanged: (asking: boolean) => void;
}

interface Want {
  readonly scope: BroadcastScope;
  readonly progress: ScopeProgress;
  asked: boolean;
  /** The relays that answer it: the first tier that can be asked. Nothing while none can. */
  by: readonly AskedRelay[] | undefined;
  complete: boolean;
  /** Set while a root has answered and relays have a lease to register there again. */
  cancelRelease: (() => void) | undefined;
}

/** One wanted scope, until it is released. */
export interface RootlessWant {
  /** A root has announced all of it. */
  answered(): void;
  release(): void;
}

/**
 * Asks other relays while no root can be asked: an edge asks its regional, any other relay all known origins, for what they announce
 * under the prefixes that are wanted here. The answers go into the table of routes. Does no I/O.
 */
export class Rootless implements AskEvents {
  readonly #deps: RootlessDeps;
  readonly #wants = new Map<string, Want>();
  readonly #relays = new Map<string, AskedRelay>();
  /** Paths and prefixes of the wants that are asked. */
  readonly #paths = new Set<string>();
  readonly #prefixes = new Set<string>();
  #active = false;
  #cancelGrace: (() => void) | undefined;
  #updateDue = false;

  constructor(deps: RootlessDeps) {
    this.#deps = deps;
  }

  /** Relays that are asked, and the sum of the prefixes that each is asked for. */
  get counts(): { relays: number; asks: number } {
    const asks = [...this.#relays.values()].reduce((sum, { size }) => sum + size, 0);
    return { relays: this.#relays.size, asks };
  }

  /** Whether a root can be asked. */
  rooted(up: boolean): void {
    if (up) {
      this.#cancelGrace?.();
      this.#cancelGrace = undefined;
      if (this.#active) this.#deps.activeChanged(false);
      this.#active = false;
      return;
    }
    for (const want of this.#wants.values()) this.#cancelRelease(want);
    if (this.#active) return;
    this.#cancelGrace ??= this.#deps.clock.timer(GRACE_MS, () => {
      this.#cancelGrace = undefined;
      this.#active = true;
      this.#deps.activeChanged(true);
      for (const want of this.#wants.values()) {
        want.progress(false);
        want.complete = false;
        this.#start(want);
      }
      // Asks that ran before, when a root was there for a while, are reviewed.
      for (const ask of this.#asks()) ask.review();
      this.changed();
    });
  }

  /** `progress` is called while relays are asked for the scope. */
  want(scope: BroadcastScope, progress: ScopeProgress): RootlessWant {
    const key = scopeKey(scope);
    const want: Want = { scope, progress, asked: false, by: undefined, complete: false, cancelRelease: undefined };
    this.#wants.set(key, want);
    if (this.#active) {
      this.#start(want);
      this.changed();
    }
    return {
      answered: () => {
        if (!want.asked || this.#active || this.#wants.get(key) !== want) return;
        // A root that has just started does not know the relays that have yet to register again.
        want.cancelRelease?.();
        want.cancelRelease = this.#deps.clock.timer(this.#deps.leaseMs, () => this.#stop(want));
      },
      release: () => {
        if (this.#wants.get(key) !== want) return;
        this.#wants.delete(key);
        this.#stop(want);
      },
    };
  }

  /** Relays came or went, or their order changed. */
  changed(): void {
    if (this.#updateDue || this.#paths.size + this.#prefixes.size + this.#relays.size === 0) return;
    this.#updateDue = true;
    // When a root comes back or a region is lost, many changes come at once.
    this.#deps.clock.soon(() => {
      this.#updateDue = false;
      this.#update();
    });
  }

  close(): void {
    this.#cancelGrace?.();
    for (const want of this.#wants.values()) this.#cancelRelease(want);
    this.#wants.clear();
    this.#paths.clear();
    this.#prefixes.clear();
    for (const relay of this.#relays.values()) relay.close();
    this.#relays.clear();
  }

  holding(holding: Holding, ask: RootlessAsk): void {
    if (this.#wanted(holding.path)) this.#deps.table.holding(holding, ask.scope);
  }

  forgotten({ path, node }: Holding, ask: RootlessAsk): void {
    this.#deps.table.holdingGone(path, node, ask.scope);
  }

  answered(): void {
    this.changed();
  }

  withdrawn(holding: Holding, ask: RootlessAsk): void {
    const { path, node } = holding;
    // - The holder itself is newer than any root.
    // - A regional is newer than any root while none can be asked.
    // - Any other relay may only have stopped taking the broadcast from the holder.
    const isOver = ask.node === node || (this.#active && this.#knowsHoldingsOf(ask.node, node));
    if (isOver) this.#deps.table.holdingOver(path, node);
    else this.forgotten(holding, ask);
  }

  leaseOver(ask: RootlessAsk): void {
    // What a root announces is newer.
    if (!this.#active) return;
    const gone = [...this.#deps.table.under(ask.prefix)].filter(
      ({ path, node }) => this.#wanted(path) && this.#knowsHoldingsOf(ask.node, node) && !this.#isReported(path, node),
    );
    for (const { path, node } of gone) this.#deps.table.holdingOver(path, node);
  }

  /** Whether a relay knows what the holder has: the holder itself does, and a regional knows it of origins, because it asks them. */
  #knowsHoldingsOf(asked: string, holder: string): boolean {
    const { table } = this.#deps;
    return asked === holder || (table.get(asked)?.role === "regional" && table.get(holder)?.role === "origin");
  }

  #isReported(path: string, node: string): boolean {
    for (const ask of this.#asks()) if (ask.get(path)?.node === node) return true;
    return false;
  }

  #cancelRelease(want: Want): void {
    want.cancelRelease?.();
    want.cancelRelease = undefined;
  }

  #start(want: Want): void {
    this.#cancelRelease(want);
    if (want.asked) return;
    want.asked = true;
    this.#wantedPaths(want.scope).add(pathOf(want.scope));
    // Relays that were asked for a wider prefix may have announced it already.
    for (const ask of this.#asks()) for (const holding of holdingsIn(ask, want.scope)) this.holding(holding, ask);
  }

  #stop(want: Want): void {
    this.#cancelRelease(want);
    if (!want.asked) return;
    want.asked = false;
    this.#wantedPaths(want.scope).delete(pathOf(want.scope));
    for (const ask of this.#asks()) {
      for (const holding of holdingsIn(ask, want.scope)) if (!this.#wanted(holding.path)) this.forgotten(holding, ask);
    }
    this.changed();
  }

  #wantedPaths(scope: BroadcastScope): Set<string> {
    return scope.kind === "exact" ? this.#paths : this.#prefixes;
  }

  *#asks(): Generator<RootlessAsk> {
    for (const relay of this.#relays.values()) yield* relay.asks;
  }

  #wanted(path: string): boolean {
    if (this.#paths.has(path)) return true;
    for (const prefix of prefixes(path)) if (this.#prefixes.has(prefix)) return true;
    return false;
  }

  #needed(ask: RootlessAsk): boolean {
    const others = [...this.#asks()].filter((other) => other !== ask);
    for (const { path, epoch } of ask.holdings) {
      if (!this.#wanted(path)) continue;
      if (!others.some((other) => (other.get(path)?.epoch ?? -1n) >= epoch)) return true;
    }
    return false;
  }

  /** Asks the relays of each want's tiers, and no other relay. */
  #update(): void {
    const wanted = new Map<string, Set<string>>();
    for (const want of this.#wants.values()) {
      if (!want.asked) continue;
      const path = pathOf(want.scope);
      const groups = this.#deps.table.tiers(path);
      want.by = this.#deps.alone ? [] : undefined;
      for (const group of groups) {
        const relays = group.map((node) => this.#relay(node)).filter((relay) => relay !== undefined);
        for (const { node } of relays) wanted.set(node, (wanted.get(node) ?? new Set()).add(path));
        // The tiers before it stay asked, because they may come back.
        const hopeful = relays.filter((relay) => relay.hopeful);
        if (hopeful.length === 0) continue;
        want.by = hopeful;
        break;
      }
    }
    for (const relay of [...this.#relays.values()]) {
      relay.want(wanted.get(relay.node) ?? new Set());
      if (relay.size > 0) continue;
      this.#relays.delete(relay.node);
      relay.close();
    }
    if (this.#active) for (const want of this.#wants.values()) this.#report(want);
  }

  /** Reports whether all relays that can be asked have answered. */
  #report(want: Want): void {
    const complete = want.asked && want.by?.every((relay) => relay.answered(pathOf(want.scope))) === true;
    if (complete === want.complete) return;
    want.complete = complete;
    want.progress(complete);
  }

  #relay(node: string): AskedRelay | undefined {
    const known = this.#relays.get(node);
    if (known !== undefined) return known;
    if (this.#relays.size >= MAX_RELAYS) {
      this.#deps.refused("mesh_tier_relays");
      return undefined;
    }
    const { clock, links, table, leaseMs } = this.#deps;
    const relay = new AskedRelay({
      clock,
      links,
      leaseMs,
      node,
      named: (hop) => table.named(hop),
      events: this,
      changed: () => this.changed(),
      tooMany: () => this.#deps.refused("mesh_tier_asks"),
      needed: (ask) => this.#needed(ask),
    });
    this.#relays.set(node, relay);
    return relay;
  }
}

function pathOf(scope: BroadcastScope): string {
  return scope.kind === "under" ? scope.prefix : scope.path;
}

/** The holdings of an ask that are in `scope`. */
function* holdingsIn(ask: RootlessAsk, scope: BroadcastScope): Generator<Holding> {
  if (scope.kind === "exact") {
    const holding = ask.get(scope.path);
    if (holding !== undefined) yield holding;
    return;
  }
  const { prefix } = scope;
  for (const holding of ask.holdings) {
    if (isUnder(holding.path, prefix)) yield holding;
  }
}
