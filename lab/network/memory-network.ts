/**
 * The engine `memory`: links over a simulated network with an injected clock. Its behaviour depends only on the calls,
 * the clock and a seed.
 */
import type { Clock } from "../../moq/clock.ts";
import type { Link, Engine as TransportEngine } from "../../moq/link.ts";
import { Engine, isWildcard, type MemoryEngine } from "./engine.ts";
import type { Network, OfferTaker } from "./host.ts";
import type { MemoryLink } from "./link.ts";
import { DEFAULT_SETTINGS, type LaneSettings } from "./settings.ts";
import { LinkWire, type Wire } from "./wire.ts";

export type { MemoryEngine } from "./engine.ts";
export type { LaneSettings } from "./settings.ts";
export type { Wire } from "./wire.ts";

/** First port for clients and for listeners on port 0 (RFC 6335 section 6). */
const FIRST_PORT = 49_152;

export interface MemoryNetworkOptions {
  readonly clock: Clock;
  /** Seed of jitter and losses; 1 when absent. */
  readonly seed?: number;
  /** The first settings of links, in both directions. */
  readonly settings?: Partial<LaneSettings>;
  /** True: overwrites data after the event that delivered it, to detect handlers that keep it. */
  readonly overwrite?: boolean;
  /** Called when a handler throws and its link is closed. By default the error is thrown to the caller of the clock. */
  readonly warn?: (message: string, error: unknown) => void;
}

/**
 * A network of any number of hosts. An engine listens on a name, such as `relay-a`, or an address. Other engines dial
 * it by that name with `memory:` or `https:` URLs. A wildcard host answers for every name on its port without a
 * listener of its own.
 */
export class MemoryNetwork {
  readonly #network: SimulatedNetwork;

  constructor(options: MemoryNetworkOptions) {
    this.#network = new SimulatedNetwork(options);
  }

  /** A new host. */
  engine(): MemoryEngine {
    return this.#network.addHost();
  }

  /** Changes the settings of all links, existing and future ones. */
  configure(settings: Partial<LaneSettings>): void {
    this.#network.configure(settings);
  }

  /**
   * Cuts the network between two hosts, between one host and all others, or everywhere. No link gets an event. Dials
   * time out.
   */
  cut(a?: TransportEngine, b?: TransportEngine): void {
    this.#network.cut(addressOf(a), addressOf(b));
  }

  /**
   * Undoes `cut` with the same arguments, and cuts of single links between those hosts. Without arguments: every cut.
   */
  heal(a?: TransportEngine, b?: TransportEngine): void {
    this.#network.heal(addressOf(a), addressOf(b));
  }

  /** The wire of one link, to change or cut it alone. Throws for a link of another network. */
  wireOf(link: Link): Wire {
    return this.#network.wireOf(link);
  }

  /** This end of the link disappears: neither its handler nor its peer gets an event. */
  vanish(link: Link): void {
    this.#network.vanish(link);
  }

  /** Links with at least one end that has not ended, and dials under way. */
  get size(): number {
    return this.#network.size;
  }
}

/** Any host, in a cut. */
const ANY = "*";

class SimulatedNetwork implements Network {
  readonly clock: Clock;
  readonly overwrite: boolean;
  readonly warn: (message: string, error: unknown) => void;
  readonly #seed: number;
  #settings: LaneSettings;
  readonly #listeners = new Map<string, OfferTaker>();
  /** Live wires and the addresses of their ends. */
  readonly #wires = new Map<LinkWire, { readonly from: string; readonly to: string | undefined }>();
  readonly #wireOf = new WeakMap<Link, { readonly wire: LinkWire; readonly link: MemoryLink }>();
  #cuts: { readonly a: string; readonly b: string }[] = [];
  #hosts = 0;
  #wireCount = 0;
  #nextPort = FIRST_PORT;

  constructor(options: MemoryNetworkOptions) {
    this.clock = options.clock;
    this.overwrite = options.overwrite ?? false;
    this.warn = options.warn ?? rethrow;
    this.#seed = options.seed ?? 1;
    this.#settings = { ...DEFAULT_SETTINGS, ...options.settings };
  }

  get size(): number {
    return this.#wires.size;
  }

  addHost(): Engine {
    this.#hosts += 1;
    return new Engine(this, `10.0.${this.#hosts >> 8}.${this.#hosts & 0xff}`);
  }

  configure(settings: Partial<LaneSettings>): void {
    this.#settings = { ...this.#settings, ...settings };
    for (const wire of [...this.#wires.keys()]) wire.configure(settings);
  }

  cut(a = ANY, b = ANY): void {
    this.#cuts.push({ a, b });
    for (const [wire, { from, to }] of this.#wires) if (cuts({ a, b }, from, to)) wire.cut();
  }

  heal(a = ANY, b = ANY): void {
    const all = a === ANY && b === ANY;
    const left = this.#cuts.filter((other) => !all && !(other.a === a && other.b === b));
    this.#cuts = left;
    for (const [wire, { from, to }] of this.#wires) {
      if (cuts({ a, b }, from, to) && !this.#isCut(from, to)) wire.heal();
    }
  }

  wireOf(link: Link): LinkWire {
    return this.#wired(link).wire;
  }

  vanish(link: Link): void {
    this.#wired(link).link.vanish();
  }

  find(host: string, port: number): OfferTaker | undefined {
    return this.#listeners.get(keyOf(host, port)) ?? this.#listeners.get(keyOf(ANY, port));
  }

  bind(host: string, port: number, listener: OfferTaker): boolean {
    const key = keyOf(isWildcard(host) ? ANY : host, port);
    if (this.#listeners.has(key)) return false;
    this.#listeners.set(key, listener);
    // A dial by the host's address reaches the first of its names.
    const byAddress = keyOf(listener.engine.address, port);
    if (!this.#listeners.has(byAddress)) this.#listeners.set(byAddress, listener);
    return true;
  }

  free(listener: OfferTaker): void {
    for (const [key, other] of this.#listeners) if (other === listener) this.#listeners.delete(key);
  }

  takePort(): number {
    return this.#nextPort++;
  }

  addWire(from: string, to: string | undefined): LinkWire {
    this.#wireCount += 1;
    // Each wire has its own random numbers, so that one link's traffic does not change another's losses.
    const wire = new LinkWire(this.clock, this.#settings, this.#seed + this.#wireCount * SEED_STEP);
    this.#wires.set(wire, { from, to });
    if (this.#isCut(from, to)) wire.cut();
    return wire;
  }

  dropWire(wire: LinkWire): void {
    this.#wires.delete(wire);
  }

  wired(link: MemoryLink, wire: LinkWire): void {
    this.#wireOf.set(link, { wire, link });
  }

  #wired(link: Link): { readonly wire: LinkWire; readonly link: MemoryLink } {
    const wired = this.#wireOf.get(link);
    if (wired === undefined) throw new Error("the link belongs to another network");
    return wired;
  }

  #isCut(from: string, to: string | undefined): boolean {
    return this.#cuts.some((cut) => cuts(cut, from, to));
  }
}

/** Difference between the seeds of two wires: odd and large, so that all 32 bits differ. */
const SEED_STEP = 0x9e3779b1;

function cuts({ a, b }: { a: string; b: string }, from: string, to: string | undefined): boolean {
  return (is(a, from) && is(b, to)) || (is(a, to) && is(b, from));
}

function is(pattern: string, address: string | undefined): boolean {
  return pattern === ANY || pattern === address;
}

function keyOf(host: string, port: number): string {
  return `${host.toLowerCase().replace(/^\[(.*)\]$/, "$1")}:${port}`;
}

function addressOf(engine: TransportEngine | undefined): string | undefined {
  if (engine === undefined) return undefined;
  if (!(engine instanceof Engine)) throw new Error("the engine does not belong to a simulated network");
  return engine.address;
}

function rethrow(message: string, error: unknown): never {
  throw new Error(message, { cause: error });
}
