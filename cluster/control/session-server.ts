import type { Advertisement, Publication, Route, Source } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import type { Announced, AnnounceWatcher } from "../../moq/session/index.ts";
import { CLOSE_LEAVING, type Holding, type NodeInfo } from "../contract.ts";
import type { Registry } from "../registry/index.ts";
import type { ControlTable } from "./local.ts";
import { NULL_SOURCE } from "./null-source.ts";
import { holdingPath, nodePath, parseControlPath } from "./paths.ts";

export interface ControlSessionServerOptions {
  /** Hop id of the relay that the root is, in sessions with others; it registers without one. */
  readonly own?: bigint;
  /** The only relay that the session may be of, by its token or certificate; absent: neither names one. */
  readonly named?: string | undefined;
  /** The session does what it may not, and is to end. */
  readonly refuse?: (message: string) => void;
  /** A relay registers, and neither its token nor a certificate names it. */
  readonly unnamed?: (info: NodeInfo) => void;
}

/** What a root puts into the control session of one relay in place of `Broadcasts`. */
export class ControlSessionServer implements ControlTable {
  readonly #registry: Registry;
  readonly #options: ControlSessionServerOptions;
  /** The relay that registered here. */
  #node: string | undefined;
  #info: NodeInfo | undefined;
  /** What the relay told in this session, by path. */
  readonly #held = new Map<string, Holding>();
  /** It has told all that it holds. */
  #complete = false;
  /** Another session may speak for the relay by now, which began later or has a later start: this one does when that one is gone. */
  #stopWaiting = () => {};
  /** Told of what the relay itself holds. */
  readonly #rivals = new Set<AnnounceWatcher>();
  #stopRivals: (() => void) | undefined;
  /** Look again at which other relays have the name of this one, for those that watch relays. */
  readonly #looks = new Set<() => void>();
  #stopClaims: (() => void) | undefined;

  constructor(registry: Registry, options: ControlSessionServerOptions = {}) {
    this.#registry = registry;
    this.#options = options;
    registry.begun(this);
  }

  /** The relay has told all that it holds for now. */
  complete(): void {
    this.#complete = true;
    this.#registry.complete(this);
  }

  /** The session is over; where the relay does not say that it leaves, its lease begins. */
  close(code: number): void {
    this.#stopWaiting();
    this.#stopRivals?.();
    this.#stopClaims?.();
    if (this.#node !== undefined) this.#registry.claims.delete(this.#node, this);
    if (code === CLOSE_LEAVING && this.#node !== undefined) this.#registry.unregister(this.#node, this);
    this.#registry.lost(this);
  }

  *list(prefix: string): Generator<Announced> {
    const { kind, path } = partsOf(prefix);
    if (kind === "n") {
      for (const { info } of this.#registry.nodes()) yield announcedNode(info);
      for (const info of this.#namesakes()) yield announcedNode(info);
    } else if (kind === "b") {
      for (const holding of this.#registry.under(path)) if (!this.#mine(holding)) yield announced("b", holding);
    } else if (kind === "e") {
      for (const holding of this.#registry.exact(path)) if (!this.#mine(holding)) yield announced("e", holding);
    } else if (kind === "c") {
      for (const own of this.#held.keys()) yield* this.#rivalsOf(own);
    }
  }

  watch(prefix: string, watcher: AnnounceWatcher): () => void {
    const { kind, path } = partsOf(prefix);
    // What a root knows it knows at once.
    watcher.complete?.();
    if (kind === "n") return this.#watchNodes(watcher);
    if (kind === "b" || kind === "e") {
      const on = {
        holding: (holding: Holding) => void (this.#mine(holding) || watcher.changed(announced(kind, holding))),
        holdingGone: (holding: Holding) => void (this.#mine(holding) || watcher.changed(ended(kind, holding))),
      };
      return kind === "b" ? this.#registry.watchUnder(path, on) : this.#registry.watchExact(path, on);
    }
    return kind === "c" ? this.#watchRivals(watcher) : () => {};
  }

  publish(path: string, advertisement: Advertisement, _source: Source): Publication | Reason {
    const parsed = parseControlPath(path);
    if (parsed?.kind === "node") return this.#register(parsed.info);
    if (parsed?.kind === "load") {
      this.#registry.setLoad(parsed.node, parsed.load, this);
      return { update: () => {}, end: () => {} };
    }
    if (parsed?.kind !== "holding" || parsed.of !== "b" || this.#node === undefined) return "unauthorized";
    if (parsed.node !== this.#node) return "unauthorized";
    // One string of the name for all that the relay has.
    return this.#hold(parsed.path, this.#node, advertisement);
  }

  #register(info: NodeInfo): Publication | Reason {
    const { own, named, refuse, unnamed } = this.#options;
    if (info.hop === own) return "duplicate";
    const name = this.#node ?? named ?? info.node;
    if (name !== info.node) {
      refuse?.(`node_mismatch: this session is of the relay ${name} and may not register ${info.node}`);
      return "unauthorized";
    }
    if (named === undefined && this.#node === undefined) unnamed?.(info);
    this.#registry.claims.set(info, this);
    if (!this.#claim(info) && this.#registry.get(info.node) === undefined) {
      this.#registry.claims.delete(info.node, this);
      return "limit";
    }
    this.#info = info;
    this.#stopClaims ??= this.#registry.claims.watch(info.node, () => this.#lookAtNames());
    this.#lookAtNames();
    return {
      update: () => {},
      end: (lost) => {
        // A change is told as an end and a start: only the end of the newest is one.
        if (lost || this.#info !== info) return;
        this.#stopWaiting();
        this.#registry.claims.delete(info.node, this);
        this.#registry.unregister(info.node, this);
      },
    };
  }

  /** False when it cannot register now; where that is because the name is taken, it does when the name is free. */
  #claim(info: NodeInfo): boolean {
    this.#stopWaiting();
    this.#node = info.node;
    this.#listen(info.node);
    const before = this.#speaks;
    const registered = this.#registry.register(info, this, this.#options.named === info.node);
    this.#stopWaiting = this.#registry.whenUnclaimed(info.node, (last) => {
      // Where it was this relay that left, in another session, there is nothing to tell any more.
      const left = registered && this.#registry.get(info.node) === undefined && last.hop === info.hop;
      if (!left) this.#claim(this.#info ?? info);
    });
    if (registered && !before) {
      for (const holding of this.#held.values()) this.#tell(holding, false);
      if (this.#complete) this.#registry.complete(this);
    }
    return registered;
  }

  /** Relays that have the name of this one and are not registered: only the relay itself hears of them. */
  #namesakes(): NodeInfo[] {
    if (this.#info === undefined) return [];
    const registered = this.#registry.get(this.#info.node)?.hop;
    return this.#registry.claims.others(this.#info).filter(({ hop }) => hop !== registered);
  }

  #lookAtNames(): void {
    for (const look of [...this.#looks]) look();
  }

  get #speaks(): boolean {
    return this.#node !== undefined && this.#registry.speaker(this.#node) === this;
  }

  #hold(path: string, node: string, advertisement: Advertisement): Publication | Reason {
    if (!this.#put(path, node, advertisement)) return "limit";
    return {
      update: (next) => void this.#put(path, node, next),
      end: (lost) => {
        if (lost) return;
        this.#held.delete(path);
        // It is no rival of theirs any more, and hears of them no more.
        for (const rival of this.#registry.exact(path)) {
          if (!this.#mine(rival)) this.#tellRivals(ended("c", rival));
        }
        this.#registry.release(path, node, this);
      },
    };
  }

  #put(path: string, node: string, advertisement: Advertisement): boolean {
    const { epoch, hops, cost, ended: over } = advertisement;
    const holding = { path, node, epoch, hops, cost, ended: over };
    const known = this.#held.get(path);
    this.#held.set(path, holding);
    if (!this.#speaks || this.#tell(holding, known !== undefined)) return true;
    // What the registry does not take changes nothing.
    if (known === undefined) this.#held.delete(path);
    else this.#held.set(path, known);
    return false;
  }

  #tell(holding: Holding, known: boolean): boolean {
    if (!this.#registry.hold(holding, this)) return false;
    if (known) return true;
    for (const rival of this.#rivalsOf(holding.path)) this.#tellRivals(rival);
    return true;
  }

  #mine({ node }: Holding): boolean {
    return node === this.#node;
  }

  *#rivalsOf(path: string): Generator<Announced> {
    for (const holding of this.#registry.exact(path)) if (!this.#mine(holding)) yield announced("c", holding);
  }

  #watchNodes(watcher: AnnounceWatcher): () => void {
    // INFO paths by node, so that a change takes the old one back. Whoever watches was told of those that are there.
    const infos = new Map<string, Announced>();
    for (const { info } of this.#registry.nodes()) infos.set(info.node, announcedNode(info));
    let namesakes = new Set(this.#namesakes().map(announcedNode));
    const gone = ({ path }: Announced) => {
      const known = [...namesakes].some((other) => other.path === path) || infos.get(nameIn(path))?.path === path;
      if (!known) watcher.changed({ path, route: () => undefined });
    };
    const look = () => {
      const before = namesakes;
      namesakes = new Set(this.#namesakes().map(announcedNode));
      for (const now of namesakes) if (!before.has(now)) watcher.changed(now);
      for (const one of before) if (!namesakes.has(one)) gone(one);
    };
    this.#looks.add(look);
    const stop = this.#registry.watchNodes({
      node: (info) => {
        const before = infos.get(info.node);
        const now = announcedNode(info);
        if (before?.path === now.path) return;
        infos.set(info.node, now);
        // The new one first, so that the relay is never gone in between.
        watcher.changed(now);
        if (before !== undefined) gone(before);
        if (info.node === this.#node) look();
      },
      nodeGone: (node) => {
        const before = infos.get(node);
        infos.delete(node);
        if (before !== undefined) gone(before);
        if (node === this.#node) look();
      },
    });
    return () => {
      this.#looks.delete(look);
      stop();
    };
  }

  #watchRivals(watcher: AnnounceWatcher): () => void {
    this.#rivals.add(watcher);
    if (this.#node !== undefined) this.#listen(this.#node);
    return () => {
      this.#rivals.delete(watcher);
      if (this.#rivals.size > 0) return;
      this.#stopRivals?.();
      this.#stopRivals = undefined;
    };
  }

  /** To what is held besides by others, where the relay has asked for that. */
  #listen(node: string): void {
    if (this.#rivals.size === 0) return;
    this.#stopRivals ??= this.#registry.watchRivals(node, {
      holding: (holding) => {
        if (this.#held.has(holding.path) && !this.#mine(holding)) this.#tellRivals(announced("c", holding));
      },
      holdingGone: (holding) => {
        if (!this.#mine(holding)) this.#tellRivals(ended("c", holding));
      },
    });
  }

  #tellRivals(broadcast: Announced): void {
    for (const watcher of [...this.#rivals]) watcher.changed(broadcast);
  }
}

function partsOf(prefix: string): { kind: string; path: string } {
  const at = prefix.indexOf("/");
  return at < 0 ? { kind: prefix, path: "" } : { kind: prefix.slice(0, at), path: prefix.slice(at + 1) };
}

/** The relay whose INFO a path has. */
function nameIn(path: string): string {
  return path.split("/", 2)[1] ?? "";
}

/** Written once for all sessions that are told of it. */
const announcedNodes = new WeakMap<NodeInfo, Announced>();

function announcedNode(info: NodeInfo): Announced {
  const known = announcedNodes.get(info);
  if (known !== undefined) return known;
  const route: Route = { advertisement: { epoch: 0n, hops: [], cost: 0, ended: false }, source: NULL_SOURCE };
  const announced: Announced = { path: nodePath(info), route: () => route };
  announcedNodes.set(info, announced);
  return announced;
}

function announced(kind: "b" | "e" | "c", { path, node, epoch, hops, cost, ended: over }: Holding): Announced {
  const route: Route = { advertisement: { epoch, hops, cost, ended: over }, source: NULL_SOURCE };
  return { path: holdingPath(kind, path, node), route: () => route };
}

function ended(kind: "b" | "e" | "c", { path, node }: Holding): Announced {
  return { path: holdingPath(kind, path, node), route: () => undefined };
}
