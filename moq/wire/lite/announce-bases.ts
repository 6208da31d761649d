import { normalisePath, pathParts } from "../../path.ts";
import { BoundExceeded, type Cursor, type WireLimits } from "../codec/index.ts";
import { readPath } from "./message.ts";

/** Live announcements of one stream to which later ones may refer; those beyond are not kept. Bounds the memory of a stream. */
const MAX_BASES = 65_536;

const encoder = new TextEncoder();

interface Base {
  readonly suffix: string;
  hops: readonly bigint[];
}

/**
 * The live announcements of one stream, since a later one may repeat the first parts of one's path and the last hops of one's list. It names
 * them by how far back they are from the next id, from 1; 0 is none. Paths and hop lists as on the wire.
 */
export class AnnounceBases {
  readonly #limits: WireLimits;
  readonly #live = new Map<number, Base>();
  #next = 0;
  /** The next id when the current message began: distances count back from it. */
  #from = 0;

  constructor(limits: WireLimits) {
    this.#limits = limits;
  }

  /** A start begins: returns its id, which it takes even if it is refused. */
  begin(): number {
    this.#from = this.#next;
    return this.#next++;
  }

  /** An update begins. */
  beginUpdate(): void {
    this.#from = this.#next;
  }

  /** Base, parts to keep, and the rest of a path. */
  path(cursor: Cursor): string {
    const { base, keep } = this.#reference(cursor, cursor.varint(), cursor.varint());
    const rest = readPath(cursor, this.#limits);
    const parts = base === undefined || base.suffix === "" ? [] : base.suffix.split("/");
    if (keep > parts.length) throw cursor.violation("keeps more parts than the path has");
    const path = normalisePath([...parts.slice(0, keep), rest].join("/"));
    const { pathBytes, pathParts: maxParts } = this.#limits;
    if (encoder.encode(path).length > pathBytes || pathParts(path) > maxParts) {
      throw new BoundExceeded("path_bytes", "path is too long");
    }
    return path;
  }

  /** Base, the first hops, which `read` reads, and how many to keep of the base's last ones. */
  hops(cursor: Cursor, read: () => bigint[]): bigint[] {
    const distance = cursor.varint();
    const first = read();
    const { base, keep } = this.#reference(cursor, distance, cursor.varint());
    const last = base?.hops ?? [];
    if (keep > last.length) throw cursor.violation("keeps more hops than the list has");
    return [...first, ...last.slice(last.length - keep)];
  }

  /** The start with this id was read whole. */
  keep(id: number, suffix: string, hops: readonly bigint[]): void {
    if (this.#live.size < MAX_BASES) this.#live.set(id, { suffix, hops });
  }

  /** An id that is not known is no base. */
  update(id: number, hops: readonly bigint[]): void {
    const base = this.#live.get(id);
    if (base !== undefined) base.hops = hops;
  }

  end(id: number): void {
    this.#live.delete(id);
  }

  #reference(cursor: Cursor, distance: number, keep: number): { base: Base | undefined; keep: number } {
    if (distance === 0 && keep !== 0) throw cursor.violation("keeps a part of no announcement");
    const base = distance === 0 ? undefined : this.#live.get(this.#from - distance);
    if (distance !== 0 && base === undefined) throw cursor.violation("refers to an announcement that is not live");
    return { base, keep };
  }
}
