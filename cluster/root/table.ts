import type { Advertisement, Route } from "../../relay/model/broadcast.ts";
import type { Source } from "../../relay/model/contract.ts";
import type { Publication } from "../../relay/model/origin.ts";
import type { Reason } from "../../relay/model/reason.ts";
import type { Announced, AnnounceTable } from "../../relay/session/contract.ts";
import type { Holding, NodeInfo } from "../contract.ts";
import { NOBODY } from "../control/nobody.ts";
import { holdingPath, nodePath, parseControlPath } from "../control/paths.ts";
import type { Registry } from "../registry/registry.ts";

/** What a root puts into the control session of one relay in place of the origin. */
export class RootTable implements AnnounceTable {
  readonly #registry: Registry;
  /** The relay that registered here. */
  #node: string | undefined;
  #info: NodeInfo | undefined;
  readonly #held = new Set<string>();
  /** Told of what the relay itself holds. */
  readonly #rivals = new Set<{ changed(broadcast: Announced): void }>();
  /** INFO paths by node, so that a change takes the old one back. */
  readonly #infos = new Map<string, Announced>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** The relay has told all that it holds for now. */
  complete(): void {
    this.#registry.complete(this);
  }

  /** The session is over; where the relay did not say so itself, its lease begins. */
  close(): void {
    this.#registry.lost(this);
  }

  *broadcasts(prefix: string): Generator<Announced> {
    const { kind, path } = partsOf(prefix);
    if (kind === "n") {
      for (const { info } of this.#registry.nodes()) {
        const announced = announcedNode(info);
        this.#infos.set(info.node, announced);
        yield announced;
      }
    } else if (kind === "b") {
      for (const holding of this.#registry.under(path)) if (!this.#mine(holding)) yield announced("b", holding);
    } else if (kind === "e") {
      for (const holding of this.#registry.exact(path)) if (!this.#mine(holding)) yield announced("e", holding);
    } else if (kind === "c") {
      for (const own of this.#held) yield* this.#rivalsOf(own);
    }
  }

  watch(prefix: string, watcher: { changed(broadcast: Announced): void }): () => void {
    const { kind, path } = partsOf(prefix);
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
    if (parsed?.kind !== "holding" || parsed.of !== "b" || parsed.node !== this.#node) return "unauthorized";
    return this.#hold(parsed.path, parsed.node, advertisement);
  }

  #register(info: NodeInfo): Publication | Reason {
    if (this.#node !== undefined && this.#node !== info.node) return "unauthorized";
    if (!this.#registry.register(info, this)) return "limit";
    this.#node = info.node;
    this.#info = info;
    return {
      update: () => {},
      end: (lost) => {
        // A change is told as an end and a start: only the end of the newest is one.
        if (!lost && this.#info === info) this.#registry.unregister(info.node, this);
      },
    };
  }

  #hold(path: string, node: string, advertisement: Advertisement): Publication | Reason {
    const put = ({ epoch, hops, cost, ended: over }: Advertisement) =>
      this.#registry.hold({ path, node, epoch, hops, cost, ended: over }, this);
    if (!put(advertisement)) return "limit";
    this.#held.add(path);
    for (const rival of this.#rivalsOf(path)) for (const watcher of this.#rivals) watcher.changed(rival);
    return {
      update: (next) => void put(next),
      end: (lost) => {
        this.#held.delete(path);
        if (!lost) this.#registry.release(path, node, this);
      },
    };
  }

  #mine({ node }: Holding): boolean {
    return node === this.#node;
  }

  *#rivalsOf(path: string): Generator<Announced> {
    for (const holding of this.#registry.exact(path)) if (!this.#mine(holding)) yield announced("c", holding);
  }

  #watchNodes(watcher: { changed(broadcast: Announced): void }): () => void {
    return this.#registry.watchAll({
      node: (info) => {
        const before = this.#infos.get(info.node);
        const now = announcedNode(info);
        if (before?.path === now.path) return;
        this.#infos.set(info.node, now);
        // The new one first, so that the relay is never gone in between.
        watcher.changed(now);
        if (before !== undefined) watcher.changed({ path: before.path, route: () => undefined });
      },
      nodeGone: (node) => {
        const before = this.#infos.get(node);
        this.#infos.delete(node);
        if (before !== undefined) watcher.changed({ path: before.path, route: () => undefined });
      },
    });
  }

  #watchRivals(watcher: { changed(broadcast: Announced): void }): () => void {
    this.#rivals.add(watcher);
    const stop = this.#registry.watchAll({
      holding: (holding) => {
        if (this.#held.has(holding.path) && !this.#mine(holding)) watcher.changed(announced("c", holding));
      },
      holdingGone: (holding) => {
        if (!this.#mine(holding)) watcher.changed(ended("c", holding));
      },
    });
    return () => {
      this.#rivals.delete(watcher);
      stop();
    };
  }
}

function partsOf(prefix: string): { kind: string; path: string } {
  const at = prefix.indexOf("/");
  return at < 0 ? { kind: prefix, path: "" } : { kind: prefix.slice(0, at), path: prefix.slice(at + 1) };
}

function announcedNode(info: NodeInfo): Announced {
  const route: Route = { advertisement: { epoch: 0n, hops: [], cost: 0, ended: false }, source: NOBODY };
  return { path: nodePath(info), route: () => route };
}

function announced(kind: "b" | "e" | "c", { path, node, epoch, hops, cost, ended: over }: Holding): Announced {
  const route: Route = { advertisement: { epoch, hops, cost, ended: over }, source: NOBODY };
  return { path: holdingPath(kind, path, node), route: () => route };
}

function ended(kind: "b" | "e" | "c", { path, node }: Holding): Announced {
  return { path: holdingPath(kind, path, node), route: () => undefined };
}
