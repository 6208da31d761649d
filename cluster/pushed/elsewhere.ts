import type { Clock } from "../../moq/clock.ts";
import { prefixes } from "../../moq/model/index.ts";
import { coalescePrefixes } from "../coalesce-prefixes.ts";
import { AskedRelay, type PushedLinks } from "./asked-relay.ts";

/** Relays that are asked at once. Each takes a link; a mesh with more origins has regionals between. */
const MAX_RELAYS = 256;

/** Where a broadcast of other relays is taken from. */
export interface AskedPlace {
  readonly node: string;
  /** The relay has it from a publisher, and not from another relay. */
  readonly firstHand: boolean;
}

export interface PushedElsewhereDeps {
  readonly clock: Clock;
  readonly links: PushedLinks;
  /** Prefixes that sessions may want at once. */
  readonly maxPrefixes: number;
  /** The broadcasts of other relays that are known here. */
  readonly paths: () => Iterable<string>;
  /** The relay that the broadcast is taken from; nothing where it is not one of another relay. */
  readonly place: (path: string) => AskedPlace | undefined;
  /** What {@link PushedElsewhere.tracks} returns for the path has changed. */
  readonly changed: (path: string) => void;
  readonly refused: (bound: "mesh_scopes" | "mesh_tier_relays") => void;
}

/** How many broadcasts under one prefix are taken from one relay: all of them, and those that it has from other relays. */
interface Counts {
  all: number;
  elsewhere: number;
}

/**
 * The tracks that publishers push to other relays (moq-transport PUBLISH), under the prefixes for which sessions here want them. Each relay
 * that such a broadcast is taken from is asked, with one request for each prefix. It asks the relays behind it in the same way.
 */
export class PushedElsewhere {
  readonly #deps: PushedElsewhereDeps;
  /** How many sessions want a prefix. */
  readonly #wanted = new Map<string, number>();
  /** The prefixes that are asked for; none covers another. */
  #prefixes: ReadonlySet<string> = new Set();
  readonly #places = new Map<string, AskedPlace & { readonly prefix: string }>();
  readonly #counts = new Map<string, Map<string, Counts>>();
  readonly #relays = new Map<string, AskedRelay>();
  /** By path, and by epoch and name: how many relays say that the track is pushed. */
  readonly #tracks = new Map<string, Map<string, number>>();
  readonly #changed = new Set<string>();
  /** What is to be looked at again before relays are asked: the wanted prefixes; the places of all broadcasts. */
  #reviewDue = false;
  #allDue = false;
  #syncing = false;
  #closed = false;

  constructor(deps: PushedElsewhereDeps) {
    this.#deps = deps;
  }

  /** A session wants the tracks under `prefix`. Returns a release. */
  watching(prefix: string): () => void {
    const users = this.#wanted.get(prefix) ?? 0;
    if (users === 0 && this.#wanted.size >= this.#deps.maxPrefixes) {
      this.#deps.refused("mesh_scopes");
      return () => {};
    }
    this.#wanted.set(prefix, users + 1);
    if (users === 0) this.#reviewLater();
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const left = (this.#wanted.get(prefix) ?? 0) - 1;
      if (left > 0) this.#wanted.set(prefix, left);
      else if (this.#wanted.delete(prefix)) this.#reviewLater();
    };
  }

  /** The broadcast is new or gone, or is taken from another relay. */
  moved(path: string): void {
    if (this.#wanted.size === 0) return;
    this.#place(path);
    this.#sync();
  }

  /** As {@link moved}, for all of them. */
  allMoved(): void {
    if (this.#wanted.size === 0) return;
    this.#allDue = true;
    this.#sync();
  }

  /** The tracks of the broadcast of that epoch that are pushed elsewhere; nothing where none is known. */
  tracks(path: string, epoch: bigint): ReadonlySet<string> | undefined {
    const known = this.#tracks.get(path);
    if (known === undefined) return undefined;
    const start = `${epoch} `;
    const names = [...known.keys()].filter((key) => key.startsWith(start)).map((key) => key.slice(start.length));
    return names.length === 0 ? undefined : new Set(names);
  }

  /** Prefixes that sessions want, and relays that are asked. */
  get counts(): { readonly prefixes: number; readonly relays: number } {
    return { prefixes: this.#wanted.size, relays: this.#relays.size };
  }

  close(): void {
    this.#closed = true;
    for (const relay of this.#relays.values()) relay.close();
    this.#relays.clear();
  }

  #reviewLater(): void {
    this.#reviewDue = true;
    this.#sync();
  }

  /** The wanted prefixes have changed: looks again at the broadcasts for which another prefix is asked now, or at all of them. */
  #review(): void {
    if (this.#reviewDue) this.#prefixes = coalescePrefixes(new Set(this.#wanted.keys())).prefixes;
    for (const [path, { prefix }] of [...this.#places]) if (this.#prefixOf(path) !== prefix) this.#remove(path);
    if (this.#prefixes.size > 0) {
      for (const path of this.#deps.paths()) if (this.#allDue || !this.#places.has(path)) this.#place(path);
    }
    this.#reviewDue = false;
    this.#allDue = false;
  }

  #place(path: string): void {
    this.#remove(path);
    const prefix = this.#prefixOf(path);
    const place = prefix === undefined ? undefined : this.#deps.place(path);
    if (prefix === undefined || place === undefined) return;
    this.#places.set(path, { ...place, prefix });
    const byPrefix = this.#counts.get(place.node) ?? new Map<string, Counts>();
    const counts = byPrefix.get(prefix) ?? { all: 0, elsewhere: 0 };
    counts.all++;
    if (!place.firstHand) counts.elsewhere++;
    this.#counts.set(place.node, byPrefix.set(prefix, counts));
  }

  #remove(path: string): void {
    const place = this.#places.get(path);
    if (place === undefined) return;
    this.#places.delete(path);
    const byPrefix = this.#counts.get(place.node);
    const counts = byPrefix?.get(place.prefix);
    if (byPrefix === undefined || counts === undefined) return;
    counts.all--;
    if (!place.firstHand) counts.elsewhere--;
    if (counts.all === 0) byPrefix.delete(place.prefix);
    if (byPrefix.size === 0) this.#counts.delete(place.node);
  }

  #prefixOf(path: string): string | undefined {
    for (const prefix of prefixes(path)) if (this.#prefixes.has(prefix)) return prefix;
    return undefined;
  }

  /** Asks the relays as they are counted, once the code that runs now has returned. */
  #sync(): void {
    if (this.#syncing) return;
    this.#syncing = true;
    this.#deps.clock.soon(() => {
      this.#syncing = false;
      if (this.#closed) return;
      if (this.#reviewDue || this.#allDue) this.#review();
      this.#askRelays();
    });
  }

  #askRelays(): void {
    for (const [node, relay] of [...this.#relays]) {
      if (this.#counts.has(node)) continue;
      this.#relays.delete(node);
      relay.close();
    }
    for (const [node, byPrefix] of this.#counts) {
      const wanted = new Map([...byPrefix].map(([prefix, { elsewhere }]) => [prefix, elsewhere > 0]));
      this.#relay(node)?.want(wanted);
    }
  }

  #relay(node: string): AskedRelay | undefined {
    const known = this.#relays.get(node);
    if (known !== undefined) return known;
    const { clock, links, refused } = this.#deps;
    if (this.#relays.size >= MAX_RELAYS) {
      refused("mesh_tier_relays");
      return undefined;
    }
    const tracks = {
      started: (path: string, epoch: bigint, track: string) => this.#count(path, `${epoch} ${track}`, 1),
      ended: (path: string, epoch: bigint, track: string) => this.#count(path, `${epoch} ${track}`, -1),
    };
    const relay = new AskedRelay({ clock, links, node, tracks });
    this.#relays.set(node, relay);
    return relay;
  }

  #count(path: string, key: string, more: 1 | -1): void {
    const tracks = this.#tracks.get(path) ?? new Map<string, number>();
    const before = tracks.get(key) ?? 0;
    const now = before + more;
    if (now > 0) tracks.set(key, now);
    else tracks.delete(key);
    if (tracks.size > 0) this.#tracks.set(path, tracks);
    else this.#tracks.delete(path);
    if (before === 0 || now === 0) this.#report(path);
  }

  /** Reports a path once, however many of its tracks change in one turn. */
  #report(path: string): void {
    if (this.#changed.size === 0) {
      this.#deps.clock.soon(() => {
        const paths = [...this.#changed];
        this.#changed.clear();
        if (!this.#closed) for (const one of paths) this.#deps.changed(one);
      });
    }
    this.#changed.add(path);
  }
}
