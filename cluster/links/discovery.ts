import type { Clock } from "../../moq/clock.ts";
import type { NodeInfo } from "../contract.ts";
import type { RouteTable } from "../routes/index.ts";
import { type DnsEntry, lookUp, type Resolver } from "./dns.ts";

/** Milliseconds for all DNS answers of one name. */
const RESOLVE_MS = 5_000;

/** Relays found by DNS, in all; a larger mesh needs a root. */
const MAX_RELAYS = 256;

/** Relays that are asked for their hop id at the same time. */
const MAX_ASKED = 8;

export interface DiscoveryDeps {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly entries: readonly DnsEntry[];
  readonly resolver: Resolver;
  /** Milliseconds from one round to the next; a random quarter more or less. */
  readonly intervalMs: number;
  /** Connects to the relay, returns its hop id and disconnects. Rejects when the relay cannot be reached. */
  readonly identify: (info: NodeInfo) => Promise<bigint>;
  readonly table: Pick<RouteTable, "node" | "nodeGone">;
  /** DNS has more relays than fit. */
  readonly refused: () => void;
  readonly warn: (message: string) => void;
  /** A relay cannot be reached and is tried again. Called once until it is reached. */
  readonly unreachable: (info: NodeInfo, error: unknown) => void;
}

interface Name {
  readonly entry: DnsEntry;
  /** From the last answer. */
  found: ReadonlyMap<string, NodeInfo>;
  failed: boolean;
}

interface Found {
  readonly info: NodeInfo;
  /** `unreachable`: asked again in the next round. */
  state: "new" | "asked" | "unreachable" | "known";
  failed: boolean;
}

/**
 * Finds relays by DNS, in rounds. A relay counts once it has answered with its hop id; by that it is recognised when it is also known
 * under its own name, has several addresses, or is this relay. A name that cannot be resolved keeps its last addresses. All I/O goes
 * through `deps`.
 */
export class Discovery {
  readonly #deps: DiscoveryDeps;
  readonly #names: readonly Name[];
  readonly #found = new Map<string, Found>();
  #cancel = () => {};
  #full = false;
  #closed = false;

  constructor(deps: DiscoveryDeps) {
    this.#deps = deps;
    this.#names = deps.entries.map((entry) => ({ entry, found: new Map(), failed: false }));
  }

  /** Names that could not be resolved in the last round. */
  get failing(): string[] {
    return this.#names.filter(({ failed }) => failed).map(({ entry }) => entry.url.hostname);
  }

  start(): void {
    if (this.#names.length > 0) void this.#round();
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  async #round(): Promise<void> {
    for (const found of this.#found.values()) if (found.state === "unreachable") found.state = "new";
    await Promise.all(this.#names.map((name) => this.#resolve(name)));
    if (this.#closed) return;
    this.#identify();
    const { clock, random, intervalMs } = this.#deps;
    this.#cancel = clock.timer(intervalMs * (0.75 + random() / 2), () => void this.#round());
  }

  async #resolve(name: Name): Promise<void> {
    const { resolver, warn } = this.#deps;
    const { hostname } = name.entry.url;
    try {
      name.found = await this.#inTime(lookUp(name.entry, resolver, name.found.values()));
    } catch (error) {
      if (!name.failed && !this.#closed) {
        const why = error instanceof Error ? error.message : String(error);
        warn(`${hostname} cannot be resolved (${why}); its last addresses are used`);
      }
      name.failed = true;
      return;
    }
    name.failed = false;
    if (!this.#closed) this.#update();
  }

  async #inTime<T>(work: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>();
    const cancel = this.#deps.clock.timer(RESOLVE_MS, () => {
      late.reject(new Error(`no answer within ${RESOLVE_MS} ms`));
    });
    try {
      return await Promise.race([work, late.promise]);
    } finally {
      cancel();
    }
  }

  /** Adds what the names have now and removes what they have no more. */
  #update(): void {
    const now = new Map<string, NodeInfo>();
    for (const { found } of this.#names) for (const [node, info] of found) if (!now.has(node)) now.set(node, info);
    for (const [node, { state }] of this.#found) {
      if (now.has(node)) continue;
      this.#found.delete(node);
      if (state === "known") this.#deps.table.nodeGone(node, "dns");
    }
    for (const [node, info] of now) {
      if (this.#found.has(node)) continue;
      if (this.#found.size >= MAX_RELAYS) {
        this.#tooMany();
        return;
      }
      this.#found.set(node, { info, state: "new", failed: false });
    }
    this.#full = false;
    this.#identify();
  }

  #tooMany(): void {
    this.#deps.refused();
    if (!this.#full) this.#deps.warn(`DNS has more than ${MAX_RELAYS} relays; the rest is ignored`);
    this.#full = true;
    this.#identify();
  }

  #identify(): void {
    const all = [...this.#found.values()];
    let free = MAX_ASKED - all.filter(({ state }) => state === "asked").length;
    for (const one of all) {
      if (free <= 0) return;
      if (one.state !== "new") continue;
      free--;
      void this.#ask(one);
    }
  }

  async #ask(found: Found): Promise<void> {
    const { identify, table, unreachable } = this.#deps;
    const { info } = found;
    found.state = "asked";
    try {
      const hop = await identify(info);
      if (this.#closed || this.#found.get(info.node) !== found) return;
      found.state = "known";
      table.node({ ...info, hop }, "dns");
    } catch (error) {
      found.state = "unreachable";
      if (!found.failed && !this.#closed) unreachable(info, error);
      found.failed = true;
    }
    if (!this.#closed) this.#identify();
  }
}
