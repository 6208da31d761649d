import type { Clock } from "../../moq/clock.ts";
import { prefixes } from "../../moq/model/index.ts";
import { isUnder } from "../../moq/path.ts";
import { type BroadcastScope, type Holding, scopeKey } from "../contract.ts";
import type { RouteTable, ScopeTold } from "../routes/index.ts";
import type { AskEvents, RootlessAsk } from "./ask.ts";
import { AskedRelay, type AskLinks } from "./asked.ts";

/** Milliseconds without any root before the tiers are asked: a root that restarts at once, or a start, is not worth it. */
const GRACE_MS = 500;

/** Relays that are asked at once; a mesh with more origins than that needs a root. */
const MAX_RELAYS = 256;

export type RootlessBound = "mesh_tier_relays" | "mesh_tier_asks";

export interface RootlessDeps {
  readonly clock: Clock;
  readonly links: AskLinks;
  readonly table: Pick<RouteTable, "tiers" | "named" | "get" | "under" | "holding" | "holdingGone" | "holdingOver">;
  /** Milliseconds that what was told is believed after its teller is gone, and that are given to relays to come back to a root. */
  readonly leaseMs: number;
  /** No other relay of the mesh is configured, so there is nothing to learn. */
  readonly alone: boolean;
  /** A bound was hit. */
  readonly refused: (bound: RootlessBound) => void;
  /** From now on the tiers are asked, or not any more. */
  readonly told: (asking: boolean) => void;
}

interface Want {
  readonly scope: BroadcastScope;
  readonly told: ScopeTold;
  asked: boolean;
  /** Relays that answer for it, the first tier that can be asked; nothing while none can. */
  by: readonly AskedRelay[] | undefined;
  complete: boolean;
  /** Set while a root has answered, and relays have their time to come back to it. */
  cancel: (() => void) | undefined;
}

/** A scope, for as long as somebody wants it. */
export interface RootlessWant {
  /** A root has told all of it. */
  answered(): void;
  release(): void;
}

/**
 * Asks along the tiers while no root can be asked: an edge its regional, everybody else the origins that are known, for what they
 * announce under the prefixes that are wanted here. What they tell goes into the table of routes. Does no I/O.
 */
export class Rootless implements AskEvents {
  readonly #deps: RootlessDeps;
  readonly #wants = new Map<string, Want>();
  readonly #relays = new Map<string, AskedRelay>();
  /** Of wants that are asked. */
  readonly #paths = new Set<string>();
  readonly #prefixes = new Set<string>();
  #active = false;
  #cancelGrace: (() => void) | undefined;
  #due = false;

  constructor(deps: RootlessDeps) {
    this.#deps = deps;
  }

  /** Relays that are asked, and prefixes that each is asked for, together. */
  get counts(): { relays: number; asks: number } {
    const asks = [...this.#relays.values()].reduce((sum, { size }) => sum + size, 0);
    return { relays: this.#relays.size, asks };
  }

  /** Whether a root can be asked. */
  rooted(up: boolean): void {
    if (up) {
      this.#cancelGrace?.();
      this.#cancelGrace = undefined;
      if (this.#active) this.#deps.told(false);
      this.#active = false;
      return;
    }
    for (const want of this.#wants.values()) this.#keep(want);
    if (this.#active) return;
    this.#cancelGrace ??= this.#deps.clock.timer(GRACE_MS, () => {
      this.#cancelGrace = undefined;
      this.#active = true;
      this.#deps.told(true);
      for (const want of this.#wants.values()) {
        want.told(false);
        want.complete = false;
        this.#ask(want);
      }
      // Those that were asked when there was none before have to be looked at again.
      for (const ask of this.#asks()) ask.review();
      this.changed();
    });
  }

  /** `told` is called while the tiers are asked for it. */
  want(scope: BroadcastScope, told: ScopeTold): RootlessWant {
    const key = scopeKey(scope);
    const want: Want = { scope, told, asked: false, by: undefined, complete: false, cancel: undefined };
    this.#wants.set(key, want);
    if (this.#active) {
      this.#ask(want);
      this.changed();
    }
    return {
      answered: () => {
        if (!want.asked || this.#active || this.#wants.get(key) !== want) return;
        // A root that has just started knows a relay only when that one has come back to it.
        want.cancel?.();
        want.cancel = this.#deps.clock.timer(this.#deps.leaseMs, () => this.#stop(want));
      },
      release: () => {
        if (this.#wants.get(key) !== want) return;
        this.#wants.delete(key);
        this.#stop(want);
      },
    };
  }

  /** Relays came, went, or are better or worse than before. */
  changed(): void {
    if (this.#due || this.#paths.size + this.#prefixes.size + this.#relays.size === 0) return;
    this.#due = true;
    // Changes come in crowds, when a root is back or a region is gone.
    this.#deps.clock.soon(() => {
      this.#due = false;
      this.#turn();
    });
  }

  close(): void {
    this.#cancelGrace?.();
    for (const want of this.#wants.values()) this.#keep(want);
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
    // What the holder says is newer than anything that a root said, and so is what a regional does while there is no root. Another
    // relay that had it from the holder may only have left it.
    const known = ask.node === node || (this.#active && this.#speaksFor(ask.node, node));
    if (known) this.#deps.table.holdingOver(path, node);
    else this.forgotten(holding, ask);
  }

  leaseOver(ask: RootlessAsk): void {
    // Else what a root tells is the newer word.
    if (!this.#active) return;
    const gone = [...this.#deps.table.under(ask.prefix)].filter(
      ({ path, node }) => this.#wanted(path) && this.#speaksFor(ask.node, node) && !this.#told(path, node),
    );
    for (const { path, node } of gone) this.#deps.table.holdingOver(path, node);
  }

  /** Whether a relay knows what another one has: itself, and a regional what origins have, whom it asks. */
  #speaksFor(asked: string, holder: string): boolean {
    const { table } = this.#deps;
    return asked === holder || (table.get(asked)?.role === "regional" && table.get(holder)?.role === "origin");
  }

  #told(path: string, node: string): boolean {
    for (const ask of this.#asks()) if (ask.get(path)?.node === node) return true;
    return false;
  }

  #keep(want: Want): void {
    want.cancel?.();
    want.cancel = undefined;
  }

  #ask(want: Want): void {
    this.#keep(want);
    if (want.asked) return;
    want.asked = true;
    this.#set(want.scope).add(pathOf(want.scope));
    // Relays may have told of it because they were asked for more.
    for (const ask of this.#asks()) for (const holding of toldOf(ask, want.scope)) this.holding(holding, ask);
  }

  #stop(want: Want): void {
    this.#keep(want);
    if (!want.asked) return;
    want.asked = false;
    this.#set(want.scope).delete(pathOf(want.scope));
    for (const ask of this.#asks()) {
      for (const holding of toldOf(ask, want.scope)) if (!this.#wanted(holding.path)) this.forgotten(holding, ask);
    }
    this.changed();
  }

  #set(scope: BroadcastScope): Set<string> {
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

  /** Asks whom there is to ask by now, and nobody else any more. */
  #turn(): void {
    const wanted = new Map<string, Set<string>>();
    for (const want of this.#wants.values()) {
      if (!want.asked) continue;
      const path = pathOf(want.scope);
      const groups = this.#deps.table.tiers(path);
      want.by = this.#deps.alone ? [] : undefined;
      for (const group of groups) {
        const relays = group.map((node) => this.#relay(node)).filter((relay) => relay !== undefined);
        for (const { node } of relays) wanted.set(node, (wanted.get(node) ?? new Set()).add(path));
        // Those before it stay asked, for they may be back.
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
    if (this.#active) for (const want of this.#wants.values()) this.#judge(want);
  }

  /** Says of what is wanted whether all that can be asked have answered. */
  #judge(want: Want): void {
    const complete = want.asked && want.by?.every((relay) => relay.answered(pathOf(want.scope))) === true;
    if (complete === want.complete) return;
    want.complete = complete;
    want.told(complete);
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

/** What an ask was told that is in `scope`. */
function* toldOf(ask: RootlessAsk, scope: BroadcastScope): Generator<Holding> {
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
