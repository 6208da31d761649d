import type { NodeInfo } from "../contract.ts";

/** Where a relay is known from, the most trusted source first. */
const NODE_SOURCES = ["root", "static", "dns"] as const;
export type NodeSource = (typeof NODE_SOURCES)[number];

type Known = Map<NodeSource, NodeInfo>;

/** Derived from everything that is known, on demand. */
interface View {
  /** By name, without this relay and without relays that are listed under another name. */
  readonly visible: ReadonlyMap<string, NodeInfo>;
  readonly byHop: ReadonlyMap<bigint, string>;
}

/**
 * The relays that are known. A relay may be known twice: by DNS under a name made from its address, and from a root under its own name.
 * Its hop id, known after the first connection, shows that both are one relay; it is then listed once, under the name from the
 * better source.
 */
export class Nodes {
  readonly #self: { readonly node: string; readonly hop: bigint };
  readonly #known = new Map<string, Known>();
  /** The listed name by another name of the same relay. It outlives a restart, which changes the hop id and no name. */
  readonly #sameRelay = new Map<string, string>();
  #view: View | undefined;

  constructor(self: { readonly node: string; readonly hop: bigint }) {
    this.#self = self;
  }

  get size(): number {
    return this.#current.visible.size;
  }

  /** By any of its names. */
  get(node: string): NodeInfo | undefined {
    const known = this.#known.get(node);
    return known?.get("root") ?? known?.get("static") ?? known?.get("dns");
  }

  /** Each relay once. */
  values(): Iterable<NodeInfo> {
    return this.#current.visible.values();
  }

  /** The name under which the relay is listed. */
  current(node: string): string {
    const twin = this.#current.visible.has(node) ? undefined : this.#sameRelay.get(node);
    return twin ?? node;
  }

  /** The relay with that id in the hops of announcements, by its name. */
  named(hop: bigint): string | undefined {
    return hop === 0n ? undefined : this.#current.byHop.get(hop);
  }

  /** False when nothing changed. */
  set(info: NodeInfo, from: NodeSource): boolean {
    if (info.node === this.#self.node) return false;
    const known = this.#known.get(info.node) ?? new Map<NodeSource, NodeInfo>();
    const before = known.get(from);
    // A root that is back announces all relays again.
    if (before !== undefined && sameInfo(before, info)) return false;
    this.#known.set(info.node, known.set(from, info));
    this.#view = undefined;
    return true;
  }

  delete(node: string, from: NodeSource): boolean {
    const known = this.#known.get(node);
    if (!known?.delete(from)) return false;
    if (known.size === 0) {
      this.#known.delete(node);
      this.#sameRelay.delete(node);
    }
    this.#view = undefined;
    return true;
  }

  /** A connection to `node` showed its hop id. A root knows the hop id by itself. */
  met(node: string, hop: bigint): boolean {
    let changed = false;
    for (const [from, info] of this.#known.get(node) ?? []) {
      if (from === "root" || info.hop === hop) continue;
      this.set({ ...info, hop }, from);
      this.#sameRelay.delete(node);
      changed = true;
    }
    return changed;
  }

  get #current(): View {
    this.#view ??= this.#makeView();
    return this.#view;
  }

  #makeView(): View {
    const byHop = new Map<bigint, string>();
    const visible = new Map<string, NodeInfo>();
    for (const from of NODE_SOURCES) {
      for (const info of this.#bestKnownFrom(from)) {
        if (from !== "root" && this.#hidden(info, byHop, visible)) continue;
        visible.set(info.node, info);
        if (info.hop !== 0n && !byHop.has(info.hop)) byHop.set(info.hop, info.node);
      }
    }
    return { visible, byHop };
  }

  /** Relays for which that source is the best one. */
  #bestKnownFrom(from: NodeSource): NodeInfo[] {
    const all: NodeInfo[] = [];
    for (const known of this.#known.values()) {
      const best = NODE_SOURCES.find((one) => known.has(one));
      const info = best === from ? known.get(from) : undefined;
      if (info !== undefined) all.push(info);
    }
    // So that every relay picks the same of several addresses of one relay.
    return from === "dns" ? all.sort((a, b) => (a.node < b.node ? -1 : 1)) : all;
  }

  #hidden({ node, hop }: NodeInfo, byHop: View["byHop"], visible: View["visible"]): boolean {
    if (hop === this.#self.hop && hop !== 0n) return true;
    const twin = byHop.get(hop) ?? this.#sameRelay.get(node);
    if (twin === undefined || !visible.has(twin)) return false;
    this.#sameRelay.set(node, twin);
    return true;
  }
}

function sameInfo(a: NodeInfo, b: NodeInfo): boolean {
  return (
    a.hop === b.hop &&
    a.role === b.role &&
    a.region === b.region &&
    a.parent === b.parent &&
    a.url === b.url &&
    a.address === b.address &&
    a.publicUrl === b.publicUrl &&
    a.draining === b.draining &&
    a.busy === b.busy &&
    a.startedAt === b.startedAt &&
    a.version === b.version
  );
}
