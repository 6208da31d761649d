import type { Clock } from "../../moq/clock.ts";
import type { Advertisement, Publication, Route } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import type { Announced, AnnounceTable, AnnounceWatcher, Session } from "../../moq/session/index.ts";
import { BackOff } from "../back-off.ts";
import { CLOSE_LEAVING, type Holding, type NodeInfo, type Scope, type ScopeSink, SESSION_COST } from "../contract.ts";
import type { Registrar } from "../mesh.ts";
import type { NodeLoad } from "../registry/index.ts";
import { type ControlSession, type ControlTable, LocalSession } from "./local.ts";
import { Namesakes } from "./namesakes.ts";
import { NULL_SOURCE } from "./null-source.ts";
import { holdingPath, loadPath, nodePath, parseControlPath, scopePrefix } from "./paths.ts";

/** First and longest wait between two dials of a root, in milliseconds. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

/** Milliseconds that a session stays beside the one that takes its place, so that the root hears of everything again before. */
const OVERLAP_MS = 1_000;

export interface ControlDeps {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly self: NodeInfo;
  /** URLs; the first that is up is asked. */
  readonly roots: readonly string[];
  /**
   * Where the relay is a root itself: what that root keeps for it. It always registers there, and asks there in place of a session with
   * the root that has its own URL, or where no root is named.
   */
  readonly local?: () => ControlTable;
  /**
   * A session with the root whose announcements, both ways, are those of `table`. `gone` is called at its end, `renew` when that is
   * near and another one may be had by now. Rejects when there is none to be had.
   */
  readonly dial: (root: string, table: AnnounceTable, gone: () => void, renew: () => void) => Promise<Session>;
  /** Milliseconds that what a root told is believed after it is gone, or after another one took its place. */
  readonly leaseMs: number;
  /** Milliseconds after which a relay with this one's name is no earlier start of it any more. */
  readonly settleMs: number;
  /** Another relay has this relay's name. */
  readonly namesake: (info: NodeInfo) => void;
  /** A root cannot be reached, and is tried again. Called once until it was reached. */
  readonly unreachable: (root: string, error: unknown) => void;
  /** The root ended its answer for the scope of `prefix` before its session; it is asked again. */
  readonly cut: (prefix: string, reason: Reason) => void;
  /** Something threw that should not have, outside of any session. */
  readonly defect: (error: unknown) => void;
  /** Whether a root can be asked. Told at the start, when the last one goes, and when one comes. */
  readonly rooted: (up: boolean) => void;
}

interface Root {
  readonly url: string;
  session: ControlSession | undefined;
  /** It is this relay: there is no session but the local one. */
  self: boolean;
  readonly backOff: BackOff;
  failed: boolean;
  renewing: boolean;
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
  readonly #asks = new Set<Ask>();
  readonly #own = new Map<string, Announced>();
  readonly #watchers = new Set<AnnounceWatcher>();
  #info: NodeInfo;
  #load: NodeLoad | undefined;
  #primary: Root | undefined;
  #reached = false;
  #closed = false;
  #left = false;
  readonly #cancels = new Set<() => void>();
  /** Sessions that others have taken the place of. */
  readonly #former = new Set<ControlSession>();
  #local: LocalSession | undefined;
  readonly #namesakes: Namesakes;

  constructor(deps: ControlDeps) {
    const { self, roots, local } = deps;
    this.#deps = deps;
    this.#info = self;
    this.#namesakes = new Namesakes({ ...deps, found: deps.namesake });
    // A root that names none asks itself, also where nobody can dial it.
    const alone = local !== undefined && roots.length === 0;
    this.#roots = (alone ? [self.url] : roots).map((url) => ({
      url,
      session: undefined,
      self: alone || (local !== undefined && sameOrigin(url, self.url)),
      backOff: new BackOff({ firstMs: FIRST_WAIT_MS, longestMs: LONGEST_WAIT_MS, random: deps.random }),
      failed: false,
      renewing: false,
    }));
    this.#announce(nodePath(self), NO_COST);
  }

  start(): void {
    const { local, self, rooted, clock, defect } = this.#deps;
    rooted(false);
    if (local !== undefined) this.#local = new LocalSession(local(), this.#table(), self.hop, clock, defect);
    for (const root of this.#roots) {
      if (root.self) this.#isSelf(root);
      else this.#dial(root);
    }
  }

  /** The root at that URL has turned out to be this relay. */
  itself(url: string): void {
    for (const root of this.#roots) {
      if (root.url !== url || root.self || this.#local === undefined) continue;
      const { session } = root;
      this.#isSelf(root);
      session?.close(0, "");
    }
  }

  /** Roots that are asked. */
  get known(): number {
    return this.#roots.length;
  }

  /** Roots that are up. */
  get connected(): number {
    return this.#roots.filter(({ session }) => session !== undefined).length;
  }

  /** Another relay is registered under this relay's name. */
  get nameTaken(): boolean {
    return this.#namesakes.taken;
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
    const ask: Ask = { scope, sink, told: new Map(), stale: new Set(), stop: () => {}, cancelStale: () => {} };
    this.#asks.add(ask);
    this.#follow(ask);
    return () => {
      this.#asks.delete(ask);
      ask.cancelStale();
      // What it told is taken back by whoever asked.
      ask.told.clear();
      ask.stop();
    };
  }

  close(): void {
    this.#closed = true;
    this.#namesakes.close();
    for (const cancel of this.#cancels) cancel();
    for (const ask of this.#asks) ask.cancelStale();
    for (const session of this.#former) session.close(0, "");
    const code = this.#left ? CLOSE_LEAVING : 0;
    for (const { session } of this.#roots) session?.close(code, "");
    this.#local?.close(code);
  }

  /** Takes everything back, so that nobody has to wait for the lease. */
  leave(): void {
    this.#left = true;
    for (const path of [...this.#own.keys()]) this.#retract(path);
  }

  #dial(root: Root): void {
    this.#open(root).then(
      (session) => {
        if (session === undefined) {
          if (!this.#closed) this.#later(root);
          return;
        }
        if (root.self) {
          session.close(0, "");
          return;
        }
        root.session = session;
        this.#reached = true;
        root.backOff.reset();
        root.failed = false;
        if (this.#primary === undefined) this.#choose();
      },
      (error: unknown) => {
        if (this.#closed) return;
        if (!root.failed) this.#deps.unreachable(root.url, error);
        root.failed = true;
        this.#later(root);
      },
    );
  }

  #isSelf(root: Root): void {
    const before = root.session;
    root.self = true;
    root.session = this.#local;
    this.#reached = true;
    if (this.#primary === undefined) this.#choose();
    else if (root === this.#primary && before !== this.#local) this.#askAnew();
  }

  /** A session; nothing when it is over by the time that it is there. */
  async #open(root: Root): Promise<Session | undefined> {
    let session: Session | undefined;
    let over = false;
    const current = () => session !== undefined && root.session === session && !this.#closed;
    const opened = await this.#deps.dial(
      root.url,
      this.#table(),
      () => {
        over = true;
        if (current()) this.#lost(root);
      },
      () => {
        if (current()) this.#renew(root);
      },
    );
    session = opened;
    if (!this.#closed && !over) return opened;
    opened.close(0, "");
    return undefined;
  }

  /** Makes before it breaks: what a root told stays known, and what it was told is told again. */
  #renew(root: Root): void {
    const before = root.session;
    if (before === undefined || root.renewing) return;
    root.renewing = true;
    this.#open(root)
      .then((session) => {
        if (session === undefined) return;
        if (root.session !== before) {
          session.close(0, "");
          return;
        }
        root.session = session;
        if (root === this.#primary) this.#askAnew();
        this.#former.add(before);
        const cancel = this.#deps.clock.timer(OVERLAP_MS, () => {
          this.#cancels.delete(cancel);
          this.#former.delete(before);
          before.close(0, "");
        });
        this.#cancels.add(cancel);
      })
      .catch(() => {})
      .finally(() => {
        root.renewing = false;
      });
  }

  #later(root: Root): void {
    if (root.self) return;
    const cancel = this.#deps.clock.timer(root.backOff.next(), () => {
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
    this.#choose();
  }

  #choose(): void {
    this.#primary = this.#roots.find(({ session }) => session !== undefined);
    this.#deps.rooted(this.#primary !== undefined);
    this.#askAnew();
  }

  /** What is asked goes to the primary's session, if there is one; what was told stays known until that has told its part. */
  #askAnew(): void {
    for (const ask of this.#asks) {
      ask.stop = () => {};
      // What the root before this one had told may be forgotten when the next one has answered, not now.
      ask.cancelStale();
      for (const path of ask.told.keys()) ask.stale.add(path);
      this.#follow(ask);
    }
  }

  #follow(ask: Ask): void {
    const session = this.#primary?.session;
    if (session === undefined) return;
    const answer = { cut: false };
    const current = () => this.#primary?.session === session && this.#asks.has(ask);
    const following = session.follow(scopePrefix(ask.scope), {
      list: () => [],
      watch: () => () => {},
      publish: (path, advertisement) => this.#heard(ask, path, advertisement, () => current() && !answer.cut),
      cut: (reason) => {
        answer.cut = true;
        if (current()) this.#cut(ask, reason);
      },
    });
    ask.stop = () => following.stop();
    void following.complete.then(() => {
      if (answer.cut || !current()) return;
      ask.sink.complete();
      ask.cancelStale();
      // A root that has just started knows a relay only when that one has come back to it.
      ask.cancelStale = this.#deps.clock.timer(this.#deps.leaseMs, () => {
        for (const path of [...ask.stale]) this.#unheard(ask, path);
      });
    });
  }

  /** The root ended its answer before its session. What it announced stays known, and the scope is asked for again after a lease. */
  #cut(ask: Ask, reason: Reason): void {
    const { clock, leaseMs, cut } = this.#deps;
    cut(scopePrefix(ask.scope), reason);
    for (const path of ask.told.keys()) ask.stale.add(path);
    ask.cancelStale();
    ask.cancelStale = clock.timer(leaseMs, () => {
      ask.stop();
      this.#follow(ask);
    });
  }

  /** `current`: an end that the root announces now is an end, and not the loss of its answer. */
  #heard(ask: Ask, path: string, advertisement: Advertisement, current: () => boolean): Publication | Reason {
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
        if (!lost && current()) this.#unheard(ask, path);
      },
    };
  }

  #tell(ask: Ask, path: string, { epoch, hops, cost, ended }: Advertisement): void {
    const parsed = parseControlPath(path);
    if (parsed?.kind === "node") {
      this.#namesakes.told(path, parsed.info);
      ask.sink.node(parsed.info);
    } else if (parsed?.kind === "holding") {
      // The last hop is the root's: it carries no media, and what two sessions added is not of the broadcast.
      const own = Math.max(0, cost - 2 * SESSION_COST);
      ask.sink.holding({ path: parsed.path, node: parsed.node, epoch, hops: hops.slice(0, -1), cost: own, ended });
    }
  }

  #unheard(ask: Ask, path: string): void {
    ask.stale.delete(path);
    if (!ask.told.delete(path)) return;
    const parsed = parseControlPath(path);
    if (parsed?.kind === "node") {
      this.#namesakes.gone(path);
      // Told anew under another path when it changed: only the last one's end is its own.
      const { node } = parsed.info;
      const still = [...ask.told.keys()].some((other) => other.startsWith(`n/${node}/`));
      if (!still) ask.sink.nodeGone(node);
    } else if (parsed?.kind === "holding") ask.sink.holdingGone(parsed.path, parsed.node);
  }

  #announce(path: string, advertisement: Advertisement): void {
    const route: Route = { advertisement, source: NULL_SOURCE };
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
      list: () => [...this.#own.values()].sort((a, b) => Number(isNode(b)) - Number(isNode(a))),
      watch: (_prefix, watcher) => {
        this.#watchers.add(watcher);
        watcher.complete?.();
        return () => void this.#watchers.delete(watcher);
      },
      publish: () => "unauthorized",
    };
  }
}

/** Whether both are one relay's: the rest of a URL that is dialled may differ. */
function sameOrigin(a: string, b: string): boolean {
  return URL.canParse(a) && URL.canParse(b) && placeOf(new URL(a)) === placeOf(new URL(b));
}

/** Host and port; `moql:` and `https:` of one port are one relay. */
function placeOf({ protocol, hostname, port }: URL): string {
  return `${hostname}:${port || (protocol === "ws:" ? "80" : "443")}`;
}

function isNode({ path }: Announced): boolean {
  return path.startsWith("n/");
}

const NO_COST: Advertisement = { epoch: 0n, hops: [], cost: 0, ended: false };
