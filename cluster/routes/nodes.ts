import type { NodeInfo } from "../contract.ts";

/** Where a relay is known from; the first one is believed where several tell of it. */
const NODE_SOURCES = ["root", "static", "dns"] as const;
export type NodeSource = (typeof NODE_SOURCES)[number];

type Known = Map<NodeSource, NodeInfo>;

/** What follows from all that is known, made when it is asked for. */
interface View {
  /** By name; without those that are known under another name, or are this relay itself. */
  readonly visible: ReadonlyMap<string, NodeInfo>;
  readonly byHop: ReadonlyMap<bigint, string>;
}

/**
 * The relays that are known. One may be known twice: by DNS under a name made from its address, and by its own name from a root. It
 * is told by its hop id, which is learned when it is met; it then counts once, under the name from the better source.
 */
export class Nodes {
  readonly #self: { readonly node: string; readonly hop: bigint };
  readonly #known = new Map<string, Known>();
  /** Names that were seen to be others' by names that count; a relay that restarts has another hop id, and the same names. */
  readonly #twins = new Map<string, string>();
  #view: View | undefined;

  constructor(self: { readonly node: string; readonly hop: bigint }) {
    this.#self = self;
  }

  get size(): number {
    return this.#all.visible.size;
  }

  /** Also one that is known under another name. */
  get(node: string): NodeInfo | undefined {
    const known = this.#known.get(node);
    return known?.get("root") ?? known?.get("static") ?? known?.get("dns");
  }

  /** Each once. */
  values(): Iterable<NodeInfo> {
    return this.#all.visible.values();
  }

  /** The name under which the relay counts. */
  current(node: string): string {
    const twin = this.#all.visible.has(node) ? undefined : this.#twins.get(node);
    return twin ?? node;
  }

  /** The relay with that id in the hops of announcements, by its name. */
  named(hop: bigint): string | undefined {
    return hop === 0n ? undefined : this.#all.byHop.get(hop);
  }

  /** False when it changes nothing. */
  set(info: NodeInfo, from: NodeSource): boolean {
    if (info.node === this.#self.node) return false;
    const known = this.#known.get(info.node) ?? new Map<NodeSource, NodeInfo>();
    const before = known.get(from);
    // A root that is back tells of everybody again.
    if (before !== undefined && alike(before, info)) return false;
    this.#known.set(info.node, known.set(from, info));
    this.#view = undefined;
    return true;
  }

  delete(node: string, from: NodeSource): boolean {
    const known = this.#known.get(node);
    if (!known?.delete(from)) return false;
    if (known.size === 0) {
      this.#known.delete(node);
      this.#twins.delete(node);
    }
    this.#view = undefined;
    return true;
  }

  /** The relay that was reached under that name has that hop id. A root knows it itself. */
  met(node: string, hop: bigint): boolean {
    let changed = false;
    for (const [from, info] of this.#known.get(node) ?? []) {
      if (from === "root" || info.hop === hop) continue;
      this.set({ ...info, hop }, from);
      this.#twins.delete(node);
      changed = true;
    }
    return changed;
  }

  get #all(): View {
    this.#view ??= this.#look();
    return this.#view;
  }

  #look(): View {
    const byHop = new Map<bigint, string>();
    const visible = new Map<string, NodeInfo>();
    for (const from of NODE_SOURCES) {
      for (const info of this.#from(from)) {
        if (from !== "root" && this.#hidden(info, byHop, visible)) continue;
        visible.set(info.node, info);
        if (info.hop !== 0n && !byHop.has(info.hop)) byHop.set(info.hop, info.node);
      }
    }
    return { visible, byHop };
  }

  /** Those that are known best from there. */
  #from(from: NodeSource): NodeInfo[] {
    const all: NodeInfo[] = [];
    for (const known of this.#known.values()) {
      const best = NODE_SOURCES.find((one) => known.has(one));
      const info = best === from ? known.get(from) : undefined;
      if (info !== undefined) all.push(info);
    }
    // Of several addresses of one relay the same is taken everywhere.
    return from === "dns" ? all.sort((a, b) => (a.node < b.node ? -1 : 1)) : all;
  }

  #hidden({ node, hop }: NodeInfo, byHop: View["byHop"], visible: View["visible"]): boolean {
    if (hop === this.#self.hop && hop !== 0n) return true;
    const twin = byHop.get(hop) ?? this.#twins.get(node);
    if (twin === undefined || !visible.has(twin)) return false;
    this.#twins.set(node, twin);
    return true;
  }
}

function alike(a: NodeInfo, b: NodeInfo): boolean {
  return (
    a.hop === b.hop &&
    a.role === b.role &&
    a.region === b.region &&
    a.url === b.url &&
    a.address === b.address &&
    a.publicUrl === b.publicUrl &&
    a.draining === b.draining &&
    a.startedAt === b.startedAt
  );
}
