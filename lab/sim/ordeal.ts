import { Chance } from "../random.ts";
import { Checks } from "./checks.ts";
import type { TestClient } from "./client.ts";
import { SimPublisher, SimViewer } from "./people.ts";
import { IDLE_MS, LEASE_MS, LINGER_MS } from "./settings.ts";
import { anyParents, type Place, raise, rootsOf, shapeOf } from "./shape.ts";
import { World } from "./world.ts";

/** Milliseconds in which every broadcast must be watchable once nothing is broken any more. */
const BOUNDED_MS = 15_000;
/** Milliseconds after which no relay announces what is gone: a client's silence, a relay's silence, its lease, and the latency. */
const TIMED_OUT_MS = 2 * IDLE_MS + LEASE_MS + 2_000;
/** Milliseconds after which a relay forgets what no viewer asks for: the linger of tracks and scopes, and a handover. */
const FORGOTTEN_MS = 2 * LINGER_MS + 10_000;
/** Milliseconds after which a dial that was under way is over. */
const ANSWERED_MS = 5_000;
const STEP_MS = 500;
/** Wall clocks differ by up to so many milliseconds each way. */
const SKEW_MS = 150_000;
/** Relays at which each broadcast is watched, as a sample. */
const SAMPLE = 4;
const FEWEST_PUBLISHERS = 3;
const MOST_PUBLISHERS = 8;
const MOST_VIEWERS = 16;
const PATHS = ["live/a", "live/b", "live/deep/c", "shows/d", "shows/e", "numbered/f", "numbered/g", "other/h"];

export interface OrdealOptions {
  readonly seed: number;
  /** Relays, roots included. */
  readonly nodes: number;
  readonly roots: number;
  /** Rounds after each of which everything must work again, and faults in each round. */
  readonly rounds: number;
  readonly blows: number;
  /** Milliseconds for which the token of a relay is valid; absent: no token expires. */
  readonly tokenLifeMs?: number;
  /** Regions have parents, at random. */
  readonly parents?: boolean;
  readonly trace?: (line: string) => void;
}

export interface OrdealReport {
  readonly violations: readonly string[];
  readonly blows: Readonly<Record<string, number>>;
  /** Simulated milliseconds. */
  readonly simulatedMs: number;
  /** The longest wait of a viewer for a broadcast when nothing was broken, in simulated milliseconds. */
  readonly worstWaitMs: number;
  readonly mostUpstreams: number;
  readonly subscriptions: number;
  readonly watched: number;
}

/** A fault that is repaired at a time. */
interface Wound {
  readonly at: number;
  readonly heal: () => Promise<void> | void;
}

/** A mesh that suffers faults, in an order made from a seed. */
export class Ordeal {
  readonly #options: OrdealOptions;
  readonly #chance: Chance;
  readonly #world: World;
  readonly #checks: Checks;
  readonly #places: readonly Place[];
  readonly #skews = new Map<string, number>();
  readonly #publishers = new Map<string, SimPublisher>();
  /** Paths whose publisher lost its relay or its link: they are published again elsewhere. */
  readonly #homeless = new Set<string>();
  readonly #viewers = new Set<SimViewer>();
  #wounds: Wound[] = [];
  readonly #blows: Record<string, number> = {};
  #epoch = 1n;
  #worstWaitMs = 0;
  #watched = 0;

  constructor(options: OrdealOptions) {
    this.#options = options;
    const chance = new Chance(options.seed);
    this.#chance = chance;
    const parents = options.parents === true ? anyParents(chance) : {};
    this.#checks = new Checks(() => this.#world.clock.now(), Object.keys(parents).length);
    const roots = rootsOf(options.roots);
    this.#places = shapeOf(options.nodes, roots, chance);
    this.#world = new World(roots, chance.next, {
      peer: { idleTimeoutMs: 2_500, keepAliveMs: 1_000 },
      latencyMs: () => chance.whole(1, 120),
      skewMs: (node) => this.#skews.get(node) ?? 0,
      ...(options.tokenLifeMs !== undefined && { tokenLifeMs: options.tokenLifeMs }),
      parents,
      events: this.#checks,
    });
  }

  async run(): Promise<OrdealReport> {
    for (const { node } of this.#places) this.#skews.set(node, this.#chance.whole(-SKEW_MS, SKEW_MS));
    this.#tell(`parent regions: ${JSON.stringify(this.#world.options.parents)}`);
    await raise(this.#world, this.#places);
    await this.#pass(3_000);
    for (let n = 0; n < FEWEST_PUBLISHERS; n++) await this.#publish();
    for (let round = 0; round < this.#options.rounds; round++) {
      for (let n = 0; n < this.#options.blows; n++) {
        await this.#blow();
        await this.#pass(this.#chance.pick([0, 500, 1_500, 4_000]));
      }
      await this.#mend();
      await this.#everythingIsWatchable();
    }
    await this.#everybodyLeaves();
    return {
      violations: [...this.#checks.violations, ...this.#world.defects.map((defect) => `defect: ${String(defect)}`)],
      blows: this.#blows,
      simulatedMs: this.#world.clock.now(),
      worstWaitMs: this.#worstWaitMs,
      mostUpstreams: this.#checks.mostUpstreams,
      subscriptions: this.#checks.subscriptions,
      watched: this.#watched,
    };
  }

  async #pass(ms: number): Promise<void> {
    const until = this.#world.clock.now() + ms;
    do {
      for (const publisher of this.#publishers.values()) publisher.send();
      await this.#world.pass(STEP_MS);
      this.#checks.look();
      const due = this.#wounds.filter(({ at }) => at <= this.#world.clock.now());
      this.#wounds = this.#wounds.filter((wound) => !due.includes(wound));
      for (const { heal } of due) await heal();
    } while (this.#world.clock.now() < until);
    for (const { path, client } of this.#publishers.values()) if (client.reports.length > 0) this.#homeless.add(path);
    for (const viewer of [...this.#viewers]) if (viewer.client.reports.length > 0) this.#dismiss(viewer);
    for (const path of [...this.#homeless]) await this.#publish(path);
    for (const viewer of this.#viewers) {
      this.#compare(viewer);
      viewer.insist();
    }
  }

  #later(ms: number, heal: () => Promise<void> | void): void {
    this.#wounds.push({ at: this.#world.clock.now() + ms, heal });
  }

  #tell(what: string): void {
    this.#options.trace?.(`${this.#world.clock.now()} ${what}`);
  }

  #alive(...roles: string[]): string[] {
    return this.#places
      .filter(({ node, role }) => this.#world.relays.has(node) && roles.includes(role))
      .map(({ node }) => node);
  }

  async #client(node: string): Promise<TestClient | undefined> {
    try {
      return await this.#world.client(node);
    } catch {
      // It is cut off, or was killed meanwhile.
      return undefined;
    }
  }

  /** A new publisher takes the path; the one before it leaves or vanishes. */
  async #publish(path = this.#chance.pick(PATHS)): Promise<void> {
    const roles = this.#chance.happens(0.85) ? ["origin"] : ["origin", "regional", "edge"];
    const places = this.#alive(...roles);
    if (places.length === 0) return;
    const node = this.#chance.pick(places);
    const client = await this.#client(node);
    if (client === undefined) {
      this.#homeless.add(path);
      return;
    }
    const before = this.#publishers.get(path);
    if (before !== undefined) {
      if (this.#chance.happens(0.5)) before.leave();
      else before.vanish(this.#world);
    }
    const epoch = path.startsWith("numbered/") ? ++this.#epoch : 0n;
    this.#publishers.set(path, new SimPublisher(path, node, client, epoch, this.#world.clock));
    this.#tell(`${path} is published at ${node}`);
    this.#homeless.delete(path);
  }

  async #blow(): Promise<void> {
    const kinds = ["publish", "publish", "unpublish", "view", "view", "leave", "kill", "kill", "root", "roots"];
    const kind = this.#chance.pick([...kinds, "cut", "cut", "cut off", "cut from root", "drain"]);
    this.#blows[kind] = (this.#blows[kind] ?? 0) + 1;
    this.#options.trace?.(`${this.#world.clock.now()} ${kind}`);
    await this.#strike(kind);
  }

  async #strike(kind: string): Promise<void> {
    switch (kind) {
      case "publish":
        if (this.#publishers.size < MOST_PUBLISHERS) await this.#publish();
        return;
      case "unpublish":
        return this.#unpublish();
      case "view":
        return await this.#view();
      case "leave": {
        const [viewer] = this.#viewers;
        if (viewer !== undefined) this.#dismiss(viewer);
        return;
      }
      case "kill":
        return await this.#kill(this.#chance.pick(this.#alive("origin", "regional", "edge")));
      case "root":
      case "roots": {
        const roots = this.#alive("root");
        const some = kind === "roots" || roots.length === 0 ? roots : [this.#chance.pick(roots)];
        for (const root of some) await this.#kill(root);
        return;
      }
      case "drain":
        return this.#drain(this.#chance.pick(this.#alive("origin", "regional")));
      default:
        this.#partition(kind);
    }
  }

  #unpublish(): void {
    const paths = [...this.#publishers.keys()];
    if (paths.length <= FEWEST_PUBLISHERS) return;
    const path = this.#chance.pick(paths);
    const publisher = this.#publishers.get(path);
    this.#publishers.delete(path);
    if (this.#chance.happens(0.5)) publisher?.leave();
    else publisher?.vanish(this.#world);
  }

  async #view(): Promise<void> {
    if (this.#viewers.size >= MOST_VIEWERS) return;
    const node = this.#chance.pick(this.#alive("edge", "edge", "regional"));
    const path = this.#chance.pick(this.#chance.happens(0.8) ? [...this.#publishers.keys()] : PATHS);
    const client = await this.#client(node);
    if (client !== undefined) this.#viewers.add(new SimViewer(path, node, client, this.#chance.happens(0.5)));
  }

  #dismiss(viewer: SimViewer): void {
    this.#compare(viewer);
    this.#viewers.delete(viewer);
    viewer.leave();
  }

  /** Kills the relay and starts it again later under the same name, with another wall clock. */
  async #kill(node: string): Promise<void> {
    const place = this.#places.find((one) => one.node === node);
    if (place === undefined) return;
    await this.#world.relay(node).kill();
    this.#checks.killed(node);
    this.#tell(`${node} is killed`);
    for (const { path, node: at } of this.#publishers.values()) if (at === node) this.#homeless.add(path);
    for (const viewer of [...this.#viewers]) if (viewer.node === node) this.#dismiss(viewer);
    this.#later(this.#chance.pick([100, 1_000, 3_000, 8_000, 13_000]), async () => {
      if (this.#chance.happens(0.5)) this.#skews.set(node, this.#chance.whole(-SKEW_MS, SKEW_MS));
      this.#checks.started(node);
      if (place.role === "root") this.#checks.rootStarted();
      await this.#world.start(node, place.role, place.region);
      this.#tell(`${node} is started, its clock at ${this.#world.wallNow(node)}`);
    });
  }

  #drain(node: string): void {
    const relay = this.#world.relay(node);
    relay.mesh.control.inform({ ...relay.info, draining: true });
    this.#tell(`${node} drains`);
    this.#later(this.#chance.pick([1_000, 6_000]), () => relay.mesh.control.inform(relay.info));
  }

  /** Cuts the network between two relays, or around one, for a while. */
  #partition(kind: string): void {
    const others = this.#alive("origin", "regional", "edge").filter((one) => this.#checks.sound(one));
    if (others.length === 0) return;
    const node = this.#chance.pick(others);
    const roots = this.#alive("root");
    const peer = this.#chance.pick(kind === "cut from root" && roots.length > 0 ? roots : others);
    const one = this.#world.relay(node).engine;
    const other = kind === "cut off" ? undefined : this.#world.relays.get(peer)?.engine;
    this.#world.network.cut(one, other);
    this.#checks.cutOff(node);
    const what = other === undefined ? `${node} from all` : `${node} from ${peer}`;
    this.#tell(`${what} is cut`);
    this.#later(this.#chance.pick([300, 2_000, 8_000]), () => {
      this.#tell(`${what} is healed`);
      this.#world.network.heal(one, other);
      this.#checks.cutOff(node);
    });
  }

  /** Waits until every fault is repaired, and until every relay has noticed what is gone. */
  async #mend(): Promise<void> {
    while (this.#wounds.length > 0 || this.#homeless.size > 0) await this.#pass(1_000);
    // A relay that notices only now that a session is over has enough time as well.
    for (let passed = 0; passed < 2 * TIMED_OUT_MS; passed += 1_000) await this.#pass(1_000);
    this.#nothingStale();
  }

  async #everythingIsWatchable(): Promise<void> {
    const tries: { viewer: SimViewer; publisher: SimPublisher; from: number }[] = [];
    for (const publisher of this.#publishers.values()) {
      for (let n = 0; n < SAMPLE; n++) {
        const node = this.#chance.pick(this.#alive("edge", "edge", "regional", "origin"));
        const client = await this.#world.client(node);
        const viewer = new SimViewer(publisher.path, node, client, false);
        tries.push({ viewer, publisher, from: publisher.sent });
      }
    }
    const since = this.#world.clock.now();
    let left = tries;
    while (left.length > 0 && this.#world.clock.now() - since < BOUNDED_MS) {
      for (const publisher of this.#publishers.values()) publisher.send();
      await this.#world.pass(STEP_MS);
      left = left.filter(({ viewer, publisher, from }) => !viewer.got(publisher, from));
    }
    this.#worstWaitMs = Math.max(this.#worstWaitMs, this.#world.clock.now() - since);
    this.#watched += tries.length - left.length;
    for (const { viewer, publisher } of left) {
      const what = `${viewer.path} of ${publisher.node} cannot be watched at ${viewer.node}`;
      this.#checks.violations.push(`at ${this.#world.clock.now()} ms: ${what}: ${viewer.log}`);
    }
    for (const { viewer } of tries) {
      this.#compare(viewer);
      viewer.leave();
    }
  }

  /** A viewer gets what a publisher has sent, or less of it. */
  #compare(viewer: SimViewer): void {
    for (const group of viewer.wrong) {
      this.#checks.violations.push(`at ${this.#world.clock.now()} ms: ${viewer.path} at ${viewer.node}: ${group}`);
    }
  }

  /** Relays announce no broadcast that has no publisher, and the roots know the relay of each publisher. */
  #nothingStale(): void {
    const violated = (what: string) => this.#checks.violations.push(`at ${this.#world.clock.now()} ms: ${what}`);
    for (const { info, broadcasts, mesh } of this.#world.relays.values()) {
      const { routes, root } = mesh;
      for (const path of PATHS) {
        const at = this.#publishers.get(path)?.node;
        const known = routes.holders(path)?.holdings.map(({ node }) => node) ?? [];
        if (known.some((node) => node !== at))
          violated(`${info.node} knows ${path} at ${known.join()}, which is at ${at}`);
        const registered = [...(root?.registry.exact(path) ?? [])].map(({ node }) => node);
        const right = at === undefined ? registered.length === 0 : registered.length === 1 && registered[0] === at;
        if (root !== undefined && !right)
          violated(`${info.node} has ${path} at [${registered.join()}], which is at ${at}`);
      }
      for (const { path } of broadcasts.list()) {
        if (!this.#publishers.has(path)) violated(`${info.node} announces ${path}, which has no publisher`);
      }
    }
  }

  /** After every client has left, no table has an entry. */
  async #everybodyLeaves(): Promise<void> {
    for (const viewer of [...this.#viewers]) this.#dismiss(viewer);
    for (const publisher of this.#publishers.values()) publisher.leave();
    this.#publishers.clear();
    await this.#pass(TIMED_OUT_MS + FORGOTTEN_MS);
    const left = (node: string, what: Readonly<Record<string, number>>) => {
      for (const [name, count] of Object.entries(what)) {
        if (count > 0) this.#checks.violations.push(`${count} ${name} left at ${node}`);
      }
    };
    for (const { info, mesh, broadcasts, counters } of this.#world.relays.values()) {
      const { broadcasts: known, holdings } = mesh.routes.counts;
      left(info.node, { ...mesh.broadcasts.counts, broadcasts: known, holdings });
      left(info.node, { links: mesh.peers.up.length, tracks: counters.tracksActive });
      left(info.node, { paths: [...broadcasts.list()].length, held: mesh.root?.registry.counts.holdings ?? 0 });
    }
    const roots = new Set(this.#alive("root"));
    for (const relay of this.#world.relays.values()) {
      this.#checks.left(relay.info.node);
      relay.mesh.control.leave();
    }
    await this.#world.pass(1_000);
    for (const root of roots) left(root, { relays: this.#world.relay(root).mesh.root?.registry.counts.nodes ?? 0 });
    for (const relay of [...this.#world.relays.values()]) await relay.kill();
    // A dial that was under way waits for its answer.
    await this.#world.pass(ANSWERED_MS);
    left("the clock", { timers: this.#world.clock.pending });
  }
}
