import type { Advertisement, Publication, Route, Source } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import type { Announced, AnnounceWatcher } from "../../moq/session/index.ts";
import { CLOSE_LEAVING, type Holding, type MeshRevocation, type NodeInfo } from "../contract.ts";
import {
  grantPath,
  holdingPath,
  loadPath,
  nodePath,
  parseControlPath,
  REVOCATIONS,
  revocationPath,
  TENANTS,
} from "../control-paths.ts";
import type { Registry } from "../registry/index.ts";
import type { TenantReport } from "../tenants/index.ts";
import type { ControlTable } from "./local.ts";
import { NULL_SOURCE } from "./null-source.ts";

export interface ControlSessionServerOptions {
  /** The root's own hop id. Absent in the root's session with itself. */
  readonly own?: bigint;
  /** The only relay that may register in this session, by its token or certificate. Absent where neither names one. */
  readonly named?: string | undefined;
  /** The session breaks a rule and is to be closed. */
  readonly refuse?: (message: string) => void;
  /** A relay registers whose name no token or certificate confirms. */
  readonly unnamed?: (info: NodeInfo) => void;
}

/** What a root announces and receives in the control session of one relay, in place of `Broadcasts`. */
export class ControlSessionServer implements ControlTable {
  readonly #registry: Registry;
  readonly #options: ControlSessionServerOptions;
  /** The relay that registered here. */
  #node: string | undefined;
  #info: NodeInfo | undefined;
  /** The holdings that the relay reported in this session, by path. */
  readonly #reported = new Map<string, Holding>();
  /** The relay has reported all its holdings. */
  #complete = false;
  /** Another session may speak for the relay: one that began later, or has a later start. When that one is gone, this one registers. */
  #stopUnclaimed = () => {};
  /** Watch what other relays hold of this relay's own paths. */
  readonly #rivalWatchers = new Set<AnnounceWatcher>();
  #stopRivals: (() => void) | undefined;
  /** Watch what the relay may let its tenants use. */
  readonly #grantWatchers = new Set<AnnounceWatcher>();
  #stopGrants: (() => void) | undefined;
  /** Of watchers of relays: announce or withdraw other relays with this relay's name. */
  readonly #nameReviews = new Set<() => void>();
  #stopClaims: (() => void) | undefined;

  constructor(registry: Registry, options: ControlSessionServerOptions = {}) {
    this.#registry = registry;
    this.#options = options;
    registry.sessionBegins(this);
  }

  /** The relay has reported all its holdings. */
  complete(): void {
    this.#complete = true;
    this.#registry.complete(this);
  }

  /** The session is over. Unless the relay leaves on purpose, its lease begins. */
  close(code: number): void {
    this.#stopUnclaimed();
    this.#stopRivals?.();
    this.#stopGrants?.();
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
    } else if (kind === "l") {
      yield* this.#load(path);
    } else if (kind === "b") {
      for (const holding of this.#registry.under(path)) if (!this.#isOwn(holding)) yield announced("b", holding);
    } else if (kind === "e") {
      for (const holding of this.#registry.exact(path)) if (!this.#isOwn(holding)) yield announced("e", holding);
    } else if (kind === "c") {
      yield* this.#rivals();
    } else if (kind === REVOCATIONS) {
      for (const revocation of this.#registry.revocations.list()) yield this.#revoked(revocation);
    } else if (kind === TENANTS) {
      yield { path: grantPath(this.#node ?? this.#options.named ?? "relay"), route: () => NO_ROUTE };
    }
  }

  /** It changes all the time: a relay asks when an operator wants to know, and gets what there is. */
  *#load(node: string): Generator<Announced> {
    const load = this.#registry.loadOf(node);
    if (load !== undefined) yield { path: loadPath(node, load), route: () => NO_ROUTE };
  }

  watch(prefix: string, watcher: AnnounceWatcher): () => void {
    const { kind, path } = partsOf(prefix);
    // A root has everything it knows at hand.
    watcher.complete?.();
    if (kind === "n") return this.#watchNodes(watcher);
    if (kind === "b" || kind === "e") {
      const on = {
        holding: (holding: Holding) => void (this.#isOwn(holding) || watcher.changed(announced(kind, holding))),
        holdingGone: (holding: Holding) => void (this.#isOwn(holding) || watcher.changed(ended(kind, holding))),
      };
      return kind === "b" ? this.#registry.watchUnder(path, on) : this.#registry.watchExact(path, on);
    }
    if (kind === REVOCATIONS) {
      const changed = (revocation: MeshRevocation) => watcher.changed(this.#revoked(revocation));
      return this.#registry.revocations.watch({ revoked: changed, ended: changed });
    }
    if (kind === TENANTS) return this.#watchGrants(watcher);
    return kind === "c" ? this.#watchRivals(watcher) : () => {};
  }

  publish(path: string, advertisement: Advertisement, _source: Source): Publication | Reason {
    const parsed = parseControlPath(path);
    if (parsed?.kind === "node") return this.#register(parsed.info);
    if (parsed?.kind === "load") {
      this.#registry.setLoad(parsed.node, parsed.load, this);
      return { update: () => {}, end: () => {} };
    }
    if (parsed?.kind === "revocation") return this.#revoke(parsed.revocation);
    if (parsed?.kind === "tenant_report") return this.#reportTenant(parsed.node, parsed.report);
    if (parsed?.kind !== "holding" || parsed.of !== "b" || this.#node === undefined) return "unauthorized";
    if (parsed.node !== this.#node) return "unauthorized";
    // One string of the name for all holdings of the relay, which saves memory.
    return this.#addHolding(parsed.path, this.#node, advertisement);
  }

  #reportTenant(node: string, report: TenantReport): Publication | Reason {
    if (this.#node === undefined || node !== this.#node) return "unauthorized";
    const { tenants } = this.#registry;
    if (!tenants.report(node, report)) return "limit";
    // What a lost relay uses counts until its lease is over.
    return { update: () => {}, end: (lost) => (lost ? tenants.lost(node, report) : tenants.end(node, report)) };
  }

  #watchGrants(watcher: AnnounceWatcher): () => void {
    this.#grantWatchers.add(watcher);
    if (this.#node !== undefined) this.#watchGrantsOf(this.#node);
    return () => {
      this.#grantWatchers.delete(watcher);
      if (this.#grantWatchers.size > 0) return;
      this.#stopGrants?.();
      this.#stopGrants = undefined;
    };
  }

  /** Announces what the relay may let its tenants use, where it has asked for that: the request may arrive before its registration. */
  #watchGrantsOf(node: string): void {
    if (this.#grantWatchers.size === 0) return;
    const all = (broadcast: Announced) => {
      for (const watcher of [...this.#grantWatchers]) watcher.changed(broadcast);
    };
    this.#stopGrants ??= this.#registry.tenants.watch(node, {
      granted: (grant, before) => {
        if (grant !== undefined) all({ path: grantPath(node, grant), route: () => NO_ROUTE });
        if (before !== undefined) all({ path: grantPath(node, before), route: () => undefined });
      },
    });
  }

  #revoke(revocation: MeshRevocation): Publication | Reason {
    if (this.#node === undefined || revocation.node !== this.#node) return "unauthorized";
    const { revocations } = this.#registry;
    if (!revocations.report(revocation, this)) return "limit";
    return {
      update: () => {},
      end: (lost) => (lost ? revocations.lost(revocation, this) : revocations.end(revocation, this)),
    };
  }

  #revoked(revocation: MeshRevocation): Announced {
    const { revocations } = this.#registry;
    return { path: revocationPath(revocation), route: () => (revocations.has(revocation) ? NO_ROUTE : undefined) };
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
    this.#stopClaims ??= this.#registry.claims.watch(info.node, () => this.#reviewNames());
    this.#reviewNames();
    return {
      update: () => {},
      end: (lost) => {
        // A change arrives as a new announcement and the end of the old one: only the end of the newest one is the relay's.
        if (lost || this.#info !== info) return;
        this.#stopUnclaimed();
        this.#registry.claims.delete(info.node, this);
        this.#registry.unregister(info.node, this);
      },
    };
  }

  /** False when the relay cannot register now. Where another session has its name, it registers when that session is gone. */
  #claim(info: NodeInfo): boolean {
    this.#stopUnclaimed();
    this.#node = info.node;
    this.#watchRivalsOf(info.node);
    this.#watchGrantsOf(info.node);
    const before = this.#isSpeaker;
    const registered = this.#registry.register(info, this, this.#options.named === info.node);
    this.#stopUnclaimed = this.#registry.whenUnclaimed(info.node, (last) => {
      // Where this relay itself left, in another session, it does not register again.
      const left = registered && this.#registry.get(info.node) === undefined && last.hop === info.hop;
      if (!left) this.#claim(this.#info ?? info);
    });
    if (registered && !before) {
      for (const holding of this.#reported.values()) this.#pass(holding, false);
      if (this.#complete) this.#registry.complete(this);
    }
    return registered;
  }

  /** Unregistered relays with this relay's name. They are announced to this relay alone. */
  #namesakes(): NodeInfo[] {
    if (this.#info === undefined) return [];
    const registered = this.#registry.get(this.#info.node)?.hop;
    return this.#registry.claims.others(this.#info).filter(({ hop }) => hop !== registered);
  }

  #reviewNames(): void {
    for (const review of [...this.#nameReviews]) review();
  }

  get #isSpeaker(): boolean {
    return this.#node !== undefined && this.#registry.speaker(this.#node) === this;
  }

  #addHolding(path: string, node: string, advertisement: Advertisement): Publication | Reason {
    if (!this.#setHolding(path, node, advertisement)) return "limit";
    return {
      update: (next) => void this.#setHolding(path, node, next),
      end: (lost) => {
        if (lost) return;
        this.#reported.delete(path);
        // The relay holds the path no more, so the other holders are not its rivals any more.
        for (const rival of this.#registry.exact(path)) {
          if (!this.#isOwn(rival)) this.#notifyRivalWatchers(ended("c", rival));
        }
        this.#registry.release(path, node, this);
      },
    };
  }

  #setHolding(path: string, node: string, advertisement: Advertisement): boolean {
    const { epoch, hops, cost, ended: over } = advertisement;
    const holding = { path, node, epoch, hops, cost, ended: over };
    const known = this.#reported.get(path);
    this.#reported.set(path, holding);
    if (!this.#isSpeaker || this.#pass(holding, known !== undefined)) return true;
    // A holding that the registry refuses changes nothing.
    if (known === undefined) this.#reported.delete(path);
    else this.#reported.set(path, known);
    return false;
  }

  #pass(holding: Holding, known: boolean): boolean {
    if (!this.#registry.hold(holding, this)) return false;
    if (known) return true;
    for (const rival of this.#rivalsOf(holding.path)) this.#notifyRivalWatchers(rival);
    return true;
  }

  #isOwn({ node }: Holding): boolean {
    return node === this.#node;
  }

  *#rivals(): Generator<Announced> {
    for (const own of this.#reported.keys()) yield* this.#rivalsOf(own);
  }

  *#rivalsOf(path: string): Generator<Announced> {
    for (const holding of this.#registry.exact(path)) if (!this.#isOwn(holding)) yield announced("c", holding);
  }

  #watchNodes(watcher: AnnounceWatcher): () => void {
    // The announcement of each relay, so that a change withdraws the old one. `list` has announced the relays that are there.
    const infos = new Map<string, Announced>();
    for (const { info } of this.#registry.nodes()) infos.set(info.node, announcedNode(info));
    let namesakes = new Set(this.#namesakes().map(announcedNode));
    const gone = ({ path }: Announced) => {
      const known = [...namesakes].some((other) => other.path === path) || infos.get(nameIn(path))?.path === path;
      if (!known) watcher.changed({ path, route: () => undefined });
    };
    const review = () => {
      const before = namesakes;
      namesakes = new Set(this.#namesakes().map(announcedNode));
      for (const now of namesakes) if (!before.has(now)) watcher.changed(now);
      for (const one of before) if (!namesakes.has(one)) gone(one);
    };
    this.#nameReviews.add(review);
    let stopped = false;
    const stop = this.#registry.watchNodes({
      node: (info) => {
        const before = infos.get(info.node);
        const now = announcedNode(info);
        if (before?.path === now.path) return;
        infos.set(info.node, now);
        // The old one is withdrawn when all changes of this turn are announced, so that the relay is announced all the time. A change that
        // another one replaces within the turn is not written to the session at all.
        watcher.changed(now);
        if (before !== undefined) this.#registry.soon(() => void (stopped || gone(before)));
        if (info.node === this.#node) review();
      },
      nodeGone: (node) => {
        const before = infos.get(node);
        infos.delete(node);
        if (before !== undefined) gone(before);
        if (node === this.#node) review();
      },
    });
    return () => {
      stopped = true;
      this.#nameReviews.delete(review);
      stop();
    };
  }

  #watchRivals(watcher: AnnounceWatcher): () => void {
    this.#rivalWatchers.add(watcher);
    if (this.#node !== undefined) this.#watchRivalsOf(this.#node);
    return () => {
      this.#rivalWatchers.delete(watcher);
      if (this.#rivalWatchers.size > 0) return;
      this.#stopRivals?.();
      this.#stopRivals = undefined;
    };
  }

  /** Watches the other holders of the relay's paths, where the relay has asked for that. */
  #watchRivalsOf(node: string): void {
    if (this.#rivalWatchers.size === 0) return;
    this.#stopRivals ??= this.#registry.watchRivals(node, {
      holding: (holding) => {
        if (this.#reported.has(holding.path) && !this.#isOwn(holding))
          this.#notifyRivalWatchers(announced("c", holding));
      },
      holdingGone: (holding) => {
        if (!this.#isOwn(holding)) this.#notifyRivalWatchers(ended("c", holding));
      },
    });
  }

  #notifyRivalWatchers(broadcast: Announced): void {
    for (const watcher of [...this.#rivalWatchers]) watcher.changed(broadcast);
  }
}

/** The route of an announcement that only says that something is so. */
const NO_ROUTE: Route = { advertisement: { epoch: 0n, hops: [], cost: 0, ended: false }, source: NULL_SOURCE };

function partsOf(prefix: string): { kind: string; path: string } {
  const at = prefix.indexOf("/");
  return at < 0 ? { kind: prefix, path: "" } : { kind: prefix.slice(0, at), path: prefix.slice(at + 1) };
}

/** The name of the relay in the path of its announcement. */
function nameIn(path: string): string {
  return path.split("/", 2)[1] ?? "";
}

/** Encoded once for all sessions. */
const announcedNodes = new WeakMap<NodeInfo, Announced>();

function announcedNode(info: NodeInfo): Announced {
  const known = announcedNodes.get(info);
  if (known !== undefined) return known;
  const announced: Announced = { path: nodePath(info), route: () => NO_ROUTE };
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
