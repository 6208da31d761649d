import type { WorldEvents } from "./probe.ts";
import { LEASE_MS } from "./settings.ts";

/** Milliseconds that a track may come from two relays while it moves from one to the other: the better one may have to find a route itself. */
const OVERLAP_MS = 15_000;
/** Milliseconds that an end may be on its way, or wait for the lease, while the same broadcast is registered again. */
const UNDER_WAY_MS = 10_000;
/** Milliseconds after which neither a cut nor a new root explains that something is not registered there. */
const EXCUSED_MS = 25_000;
/** Milliseconds after which every message between two relays has arrived. */
const CROSSING_MS = 2_000;
/** Milliseconds in which relays have come back to a root that was started: they wait up to five seconds between two dials. */
const REGISTERED_MS = 6_000;
/** Relays that a broadcast goes through at most from the one that has it first-hand, where no region has a parent. */
const LONGEST_WAY = 2;

/** Checks what must hold at every moment, whatever happens to the mesh, and collects violations. */
export class Checks implements WorldEvents {
  readonly violations: string[] = [];
  /** The most relays that one relay took one track from at once. */
  mostUpstreams = 0;
  subscriptions = 0;
  readonly #now: () => number;
  readonly #longestWay: number;
  /** Since when each relay has each of its broadcasts first-hand. */
  readonly #held = new Map<string, Map<string, number>>();
  /** Relays that are down, and since when. */
  readonly #dead = new Map<string, number>();
  /** When relays were started again that the roots may have forgotten by then. */
  readonly #back = new Map<string, number>();
  readonly #cut = new Map<string, number>();
  #rootStarted = Number.NEGATIVE_INFINITY;
  /** Tracks that each relay subscribes to, and at which relays. */
  readonly #upstreams = new Map<string, Map<string, Taken>>();

  /** `parents`: regions that a broadcast goes through above the region of an edge, at most. */
  constructor(now: () => number, parents = 0) {
    this.#now = now;
    this.#longestWay = LONGEST_WAY + parents;
  }

  started(node: string): void {
    if (this.#missing(node)) this.#back.set(node, this.#now());
    this.#dead.delete(node);
    this.#held.delete(node);
  }

  rootStarted(): void {
    this.#rootStarted = this.#now();
  }

  killed(node: string): void {
    this.#dead.set(node, this.#now());
    this.#held.delete(node);
    this.#upstreams.delete(node);
  }

  /** The relay left on purpose, so the roots forget it at once. */
  left(node: string): void {
    this.#dead.set(node, Number.NEGATIVE_INFINITY);
  }

  /** A cut that affects the relay begins or ends. */
  cutOff(node: string): void {
    this.#cut.set(node, this.#now());
  }

  /** The last cut is so long ago that another one does not prolong it. */
  sound(node: string): boolean {
    return this.#now() - (this.#cut.get(node) ?? Number.NEGATIVE_INFINITY) >= EXCUSED_MS;
  }

  held(node: string, path: string): void {
    const paths = this.#held.get(node) ?? new Map<string, number>();
    this.#held.set(node, paths);
    if (!paths.has(path)) paths.set(path, this.#now());
  }

  released(node: string, path: string): void {
    this.#held.get(node)?.delete(path);
  }

  nodeGone(self: string, node: string): void {
    if (this.#missing(node) || this.#excused(node) || this.#excused(self)) return;
    this.#violated(`${self} hears that ${node} is gone, which is there`);
  }

  holdingGone(self: string, path: string, node: string): void {
    if (this.#missing(node) || this.#excused(node) || this.#excused(self)) return;
    const since = this.#held.get(node)?.get(path);
    if (since === undefined || this.#now() - since < UNDER_WAY_MS) return;
    this.#violated(`${self} hears that ${node} no longer has ${path}, which has it`);
  }

  subscribed(self: string, node: string, path: string, track: string): () => void {
    this.subscriptions++;
    const key = `${path} ${track}`;
    const tracks = this.#upstreams.get(self) ?? new Map<string, Taken>();
    this.#upstreams.set(self, tracks);
    const taken = tracks.get(key) ?? { from: [], since: this.#now(), oddSince: undefined };
    tracks.set(key, taken);
    if (taken.from.length === 1) taken.since = this.#now();
    taken.from.push(node);
    this.mostUpstreams = Math.max(this.mostUpstreams, taken.from.length);
    let over = false;
    return () => {
      if (over) return;
      over = true;
      this.#overlap(self, key, taken);
      taken.from.splice(taken.from.indexOf(node), 1);
      if (taken.from.length === 0 && tracks.get(key) === taken) tracks.delete(key);
    };
  }

  /** Finds states that last too long. To be called at every step. */
  look(): void {
    for (const [node, tracks] of this.#upstreams) {
      for (const [key, taken] of tracks) {
        this.#overlap(node, key, taken);
        this.#follow(node, key, taken);
      }
    }
  }

  #overlap(node: string, key: string, taken: Taken): void {
    const forMs = this.#now() - taken.since;
    if (taken.from.length < 2 || forMs <= OVERLAP_MS) return;
    this.#violated(`${node} takes ${key} from ${taken.from.join(" and ")} for ${forMs} ms`);
    taken.since = this.#now();
  }

  /** Follows every path of the track to `node`. A long path or a circle may exist while messages are on their way, but not for long. */
  #follow(node: string, key: string, taken: Taken): void {
    const odd = this.#oddWay(node, key);
    if (odd === undefined) taken.oddSince = undefined;
    else {
      taken.oddSince ??= this.#now();
      if (this.#now() - taken.oddSince >= CROSSING_MS) this.#violated(`${key} goes ${odd}`);
    }
  }

  #oddWay(node: string, key: string): string | undefined {
    const ways: string[][] = [[node]];
    for (let way = ways.pop(); way !== undefined; way = ways.pop()) {
      for (const from of this.#upstreams.get(way.at(-1) ?? "")?.get(key)?.from ?? []) {
        if (from === node) return `in a circle: ${[...way, from].join(" from ")}`;
        if (way.length > this.#longestWay) return `a long way: ${[...way, from].join(" from ")}`;
        ways.push([...way, from]);
      }
    }
    return undefined;
  }

  /**
   * The relay may be reported gone: it is down for longer than its lease, or a root was started shortly before, or since, and never
   * knew it. The report may still arrive while the relay starts and registers again.
   */
  #missing(node: string): boolean {
    const back = this.#back.get(node);
    if (back !== undefined && this.#now() - back < CROSSING_MS) return true;
    const since = this.#dead.get(node);
    if (since === undefined) return false;
    return this.#now() - since >= LEASE_MS || this.#rootStarted > since - REGISTERED_MS;
  }

  /** A root that was started while the relay was cut off does not know it. */
  #excused(node: string): boolean {
    const cut = this.#cut.get(node);
    return cut !== undefined && this.#now() - cut < EXCUSED_MS && this.#now() - this.#rootStarted < EXCUSED_MS;
  }

  #violated(what: string): void {
    this.violations.push(`at ${this.#now()} ms: ${what}`);
  }
}

interface Taken {
  readonly from: string[];
  /** Since when there is more than one. */
  since: number;
  /** Since when its path is too long or a circle. */
  oddSince: number | undefined;
}
