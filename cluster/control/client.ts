import type { Clock } from "../../relay/clock.ts";
import type { Advertisement, Route } from "../../relay/model/broadcast.ts";
import type { Publication } from "../../relay/model/origin.ts";
import type { Reason } from "../../relay/model/reason.ts";
import type { Announced, AnnounceTable, Session } from "../../relay/session/contract.ts";
import { type Holding, type NodeInfo, type Scope, type ScopeSink, scopeKey } from "../contract.ts";
import type { Registrar } from "../mesh.ts";
import type { NodeLoad } from "../registry/contract.ts";
import { NOBODY } from "./nobody.ts";
import { holdingPath, loadPath, nodePath, parseControlPath, scopePrefix } from "./paths.ts";

/** First and longest wait between two dials of a root, in milliseconds. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

export interface ControlDeps {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly self: NodeInfo;
  /** URLs; the first that is up is asked. */
  readonly roots: readonly string[];
  /**
   * A session with the root whose announcements, both ways, are those of `table`. `gone` is called at its end. Rejects when there is
   * none to be had.
   */
  readonly dial: (root: string, table: AnnounceTable, gone: () => void) => Promise<Session>;
  /** Milliseconds that what a root told is believed after it is gone, or after another one took its place. */
  readonly leaseMs: number;
  readonly warn: (message: string, error?: unknown) => void;
}

interface Root {
  readonly url: string;
  session: Session | undefined;
  waitMs: number;
  failed: boolean;
}

interface Ask {
  readonly scope: Scope;
  readonly sink: ScopeSink;
  /** What was told, as paths of announcements. */
  readonly told: Map<string, Advertisement>;
  /** Told by a root that is gone, and not yet by the one asked now. */
  readonly stale: Set<string>;
  stop: () => void;
  cancelStale: () => void;
}

/**
 * A relay's hold on the roots: registers at all of them, and asks at the first one that is up. What a root told stays known when it
 * goes, until another one has answered and the lease is over, so that the loss of a root changes nothing.
 */
export class ControlClient implements Registrar {
  readonly #deps: ControlDeps;
  readonly #roots: Root[];
  readonly #asks = new Map<string, Ask>();
  readonly #own = new Map<string, Announced>();
  readonly #watchers = new Set<{ changed(broadcast: Announced): void }>();
  #info: NodeInfo;
  #load: NodeLoad | undefined;
  #primary: Root | undefined;
  #reached = false;
  #closed = false;
  readonly #cancels = new Set<() => void>();

  constructor(deps: ControlDeps) {
    this.#deps = deps;
    this.#info = deps.self;
    this.#roots = deps.roots.map((url) => ({ url, session: undefined, waitMs: FIRST_WAIT_MS, failed: false }));
    this.#announce(nodePath(deps.self), NO_COST);
  }

  start(): void {
    for (const root of this.#roots) this.#dial(root);
  }

  /** Roots that are up. */
  get connected(): number {
    return this.#roots.filter(({ session }) => session !== undefined).length;
  }

  /** A root was up at one time. */
  get reached(): boolean {
    return this.#reached;
  }

  /** Something of the relay itself changed. */
  inform(info: NodeInfo): void {
    const before = nodePath(this.#info);
    this.#info = info;
    const now = nodePath(info);
    if (before === now) return;
    // The new one first, so that the relay is never gone in between.
    this.#announce(now, NO_COST);
    this.#retract(before);
  }

  setLoad(load: NodeLoad): void {
    if (this.#load !== undefined) this.#retract(loadPath(this.#info.node, this.#load));
    this.#load = load;
    this.#announce(loadPath(this.#info.node, load), NO_COST);
  }

  hold({ path, node, epoch, hops, cost, ended }: Holding): void {
    // The root adds the hop of the relay that told it.
    this.#announce(holdingPath("b", path, node), { epoch, hops: hops.slice(0, -1), cost, ended });
  }

  release(path: string): void {
    this.#retract(holdingPath("b", path, this.#info.node));
  }

  ask(scope: Scope, sink: ScopeSink): () => void {
    const key = scopeKey(scope);
    const ask: Ask = { scope, sink, told: new Map(), stale: new Set(), stop: () => {}, cancelStale: () => {} };
    this.#asks.set(key, ask);
    this.#follow(ask);
    return () => {
      if (this.#asks.get(key) === ask) this.#asks.delete(key);
      ask.cancelStale();
      // What it told is taken back by whoever asked.
      ask.told.clear();
      ask.stop();
    };
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#cancels) cancel();
    for (const ask of this.#asks.values()) ask.cancelStale();
    for (const { session } of this.#roots) session?.close(0, "");
  }

  /** Takes everything back, so that nobody has to wait for the lease. */
  leave(): void {
    for (const path of [...this.#own.keys()]) this.#retract(path);
  }

  #dial(root: Root): void {
    let over = false;
    const gone = () => {
      if (over) return;
      over = true;
      if (!this.#closed) this.#lost(root);
    };
    this.#deps.dial(root.url, this.#table(), gone).then(
      (session) => {
        if (this.#closed || over) {
          session.close(0, "");
          if (!this.#closed) this.#later(root);
          return;
        }
        root.session = session;
        this.#reached = true;
        root.waitMs = FIRST_WAIT_MS;
        root.failed = false;
        if (this.#primary === undefined) this.#choose();
      },
      (error: unknown) => {
        over = true;
        if (this.#closed) return;
        if (!root.failed) this.#deps.warn(`the root ${new URL(root.url).host} cannot be reached; trying again`, error);
        root.failed = true;
        this.#later(root);
      },
    );
  }

  #later(root: Root): void {
    const wait = root.waitMs * (0.5 + this.#deps.random() / 2);
    root.waitMs = Math.min(LONGEST_WAIT_MS, root.waitMs * 2);
    const cancel = this.#deps.clock.timer(wait, () => {
      this.#cancels.delete(cancel);
      this.#dial(root);
    });
    this.#cancels.add(cancel);
  }

  #lost(root: Root): void {
    root.session = undefined;
    this.#later(root);
    if (root !== this.#primary) return;
    this.#primary = undefined;
    for (const ask of this.#asks.values()) {
      ask.stop = () => {};
      // It was for what the root before this one told.
      ask.cancelStale();
      for (const path of ask.told.keys()) ask.stale.add(path);
    }
    this.#choose();
  }

  #choose(): void {
    this.#primary = this.#roots.find(({ session }) => session !== undefined);
    if (this.#primary === undefined) return;
    for (const ask of this.#asks.values()) this.#follow(ask);
  }

  #follow(ask: Ask): void {
    const session = this.#primary?.session;
    if (session === undefined) return;
    const following = session.follow(scopePrefix(ask.scope), {
      broadcasts: () => [],
      watch: () => () => {},
      publish: (path, advertisement) => this.#heard(ask, session, path, advertisement),
    });
    ask.stop = () => following.stop();
    void following.complete.then(() => {
      if (this.#primary?.session !== session || this.#asks.get(scopeKey(ask.scope)) !== ask) return;
      ask.sink.complete();
      ask.cancelStale();
      // A root that has just started knows a relay only when that one has come back to it.
      ask.cancelStale = this.#deps.clock.timer(this.#deps.leaseMs, () => {
        for (const path of [...ask.stale]) this.#unheard(ask, path);
      });
    });
  }

  #heard(ask: Ask, session: Session, path: string, advertisement: Advertisement): Publication | Reason {
    ask.stale.delete(path);
    ask.told.set(path, advertisement);
    this.#tell(ask, path, advertisement);
    return {
      update: (next) => {
        ask.told.set(path, next);
        this.#tell(ask, path, next);
      },
      end: (lost) => {
        // What goes with the session is stale, not over.
        if (!lost && this.#primary?.session === session) this.#unheard(ask, path);
      },
    };
  }

  #tell(ask: Ask, path: string, { epoch, hops, cost, ended }: Advertisement): void {
    const parsed = parseControlPath(path);
    if (parsed?.kind === "node") ask.sink.node(parsed.info);
    else if (parsed?.kind === "holding") {
      // The last hop is the root's: it carries no media.
      ask.sink.holding({ path: parsed.path, node: parsed.node, epoch, hops: hops.slice(0, -1), cost, ended });
    }
  }

  #unheard(ask: Ask, path: string): void {
    ask.stale.delete(path);
    if (!ask.told.delete(path)) return;
    const parsed = parseControlPath(path);
    if (parsed?.kind === "node") {
      // Told anew under another path when it changed: only the last one's end is its own.
      const { node } = parsed.info;
      const still = [...ask.told.keys()].some((other) => other.startsWith(`n/${node}/`));
      if (!still) ask.sink.nodeGone(node);
    } else if (parsed?.kind === "holding") ask.sink.holdingGone(parsed.path, parsed.node);
  }

  #announce(path: string, advertisement: Advertisement): void {
    const route: Route = { advertisement, source: NOBODY };
    const announced: Announced = { path, route: () => (this.#own.get(path) === announced ? route : undefined) };
    this.#own.set(path, announced);
    for (const watcher of [...this.#watchers]) watcher.changed(announced);
  }

  #retract(path: string): void {
    const announced = this.#own.get(path);
    if (announced === undefined) return;
    this.#own.delete(path);
    for (const watcher of [...this.#watchers]) watcher.changed(announced);
  }

  /** What the root gets to see: this relay, and what it holds. */
  #table(): AnnounceTable {
    return {
      // The relay itself first: a root takes nothing from one that it does not know.
      broadcasts: () => [...this.#own.values()].sort((a, b) => Number(isNode(b)) - Number(isNode(a))),
      watch: (_prefix, watcher) => {
        this.#watchers.add(watcher);
        return () => void this.#watchers.delete(watcher);
      },
      publish: () => "unauthorized",
    };
  }
}

function isNode({ path }: Announced): boolean {
  return path.startsWith("n/");
}

const NO_COST: Advertisement = { epoch: 0n, hops: [], cost: 0, ended: false };
