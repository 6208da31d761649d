import type { Clock } from "../moq/clock.ts";
import { roomBelow } from "./busy.ts";
import type { NodeInfo, NodeLoad } from "./contract.ts";

/** Edges whose load is asked for, at most, at each report of this relay. */
const MAX_ASKED = 16;

/** An edge gets viewers only where its fullness is lower by this: it shall not be full when they have come. */
const LEAST_DIFFERENCE = 0.1;

/** Viewers that are sent to one edge until its load is known again. */
const MAX_PER_REPORT = 100;

/** Milliseconds for which the load of an edge counts: two reports, and the way. */
const KNOWN_MS = 12_000;

/** Milliseconds for which a viewer that was sent away, or one at the same address, is not sent away again. */
const AGAIN_MS = 60_000;
/** Addresses that are remembered; the oldest is forgotten first. */
const MAX_ADDRESSES = 4_096;

export interface RedirectsDeps {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Fullness from which on an edge is busy, here and at the others. */
  readonly busyAt: number;
  /** Edges of this relay's region that viewers can be sent to. */
  readonly edges: () => readonly NodeInfo[];
  /** The load that an edge reported last; undefined where no root knows it. */
  readonly loadOf: (node: string) => Promise<NodeLoad | undefined>;
  /** The part of its share that an edge gets now, which grows after its start. */
  readonly share: (node: string) => number;
  /** Something threw that should not have. */
  readonly defect: (error: unknown) => void;
}

interface Known {
  readonly info: NodeInfo;
  readonly fullness: number;
  readonly at: number;
  /** Viewers that may still be sent there. */
  left: number;
}

/**
 * Sends new viewers of a busy edge to other edges of its region. The fuller this edge is, the larger the part of the viewers; where they are sent
 * is decided by chance, with the free room of each edge as the weight, so that several busy edges do not send all to one.
 */
export class Redirects {
  readonly #deps: RedirectsDeps;
  #known: Known[] = [];
  /** When viewers were sent away, by their address. */
  readonly #sent = new Map<string, number>();
  #fullness = 0;
  #busy = false;

  constructor(deps: RedirectsDeps) {
    this.#deps = deps;
  }

  /** This relay has reported its load. While it is busy, the load of other edges is asked for. */
  reported({ fullness = 0 }: NodeLoad, busy: boolean): void {
    this.#fullness = fullness;
    this.#busy = busy;
    if (busy) this.#ask().catch(this.#deps.defect);
    else {
      this.#known = [];
      this.#sent.clear();
    }
  }

  /** The edge to which a new viewer at that address is to be sent; undefined where it stays. */
  target(address: string): NodeInfo | undefined {
    const { clock, random } = this.#deps;
    const now = clock.now();
    if (!this.#busy || random() >= this.#part) return undefined;
    if (now - (this.#sent.get(address) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return undefined;
    const edges = this.#known.filter(({ at, left }) => left > 0 && now - at < KNOWN_MS);
    const rooms = edges.map((edge) => this.#room(edge));
    let at = random() * rooms.reduce((sum, room) => sum + room, 0);
    const chosen = edges.find((_, n) => {
      at -= rooms[n] ?? 0;
      return at < 0;
    });
    if (chosen === undefined) return undefined;
    chosen.left--;
    this.#remember(address, now);
    return chosen.info;
  }

  /** The part of new viewers that is sent away. */
  get #part(): number {
    return Math.min(1, Math.max(0, (this.#fullness - this.#free) / (1 - this.#free)));
  }

  /** Fullness below which an edge gets viewers. */
  get #free(): number {
    return roomBelow(this.#deps.busyAt);
  }

  #room({ info, fullness }: Known): number {
    const fits = fullness < this.#free && fullness + LEAST_DIFFERENCE <= this.#fullness;
    return fits ? (this.#free - fullness) * this.#deps.share(info.node) : 0;
  }

  #remember(address: string, now: number): void {
    this.#sent.delete(address);
    this.#sent.set(address, now);
    const [oldest] = this.#sent.keys();
    if (this.#sent.size > MAX_ADDRESSES && oldest !== undefined) this.#sent.delete(oldest);
  }

  async #ask(): Promise<void> {
    const { clock, edges, loadOf } = this.#deps;
    const asked = this.#some(edges());
    const loads = await Promise.all(asked.map(async (info) => ({ info, load: await loadOf(info.node) })));
    this.#known = loads.flatMap(({ info, load }) =>
      load?.fullness === undefined ? [] : [{ info, fullness: load.fullness, at: clock.now(), left: MAX_PER_REPORT }],
    );
  }

  /** Some of them by chance, where there are too many. */
  #some(edges: readonly NodeInfo[]): NodeInfo[] {
    const { random } = this.#deps;
    return edges
      .map((info) => ({ info, at: random() }))
      .toSorted((a, b) => a.at - b.at)
      .slice(0, MAX_ASKED)
      .map(({ info }) => info);
  }
}
