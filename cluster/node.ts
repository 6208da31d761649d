import type { Clock } from "../moq/clock.ts";
import type { LinkInfo } from "../moq/link.ts";
import type { Broadcasts } from "../moq/model/index.ts";
import type { Session } from "../moq/session/index.ts";
import { ClockBound } from "./clock-bound.ts";
import type { LoadLink, MeshRevocation, NodeInfo } from "./contract.ts";
import { ControlClient } from "./control/index.ts";
import { MeshSources } from "./failover/index.ts";
import { Discovery, ExternalRelays, PeerLinks, type Resolver, staticPeers } from "./links/index.ts";
import { MeshBroadcasts } from "./mesh-broadcasts.ts";
import type { MachineLoad, MeshLimits, MeshNodeEvents, MeshProbe, MeshSettings } from "./node-contract.ts";
import type { Registry, ReplicatedRegistry, RevocationWatcher } from "./registry/index.ts";
import type { SessionEvents } from "./renewable-session.ts";
import { Root } from "./root.ts";
import { Rootless } from "./rootless/index.ts";
import { RouteTable } from "./routes/index.ts";
import {
  MeshSessions,
  type MeshSessionsDeps,
  meshSessionPolicy,
  type SessionPolicy,
  type Visitor,
} from "./sessions/index.ts";
import { TenantDesk, type TenantUsage } from "./tenants/index.ts";
import { Topology } from "./topology.ts";

/** Shortest time in milliseconds after which two relays with one name are no restart of one. */
const SETTLE_MS = 5_000;

export interface MeshNodeDeps extends Omit<MeshSessionsDeps, "roots" | "events"> {
  readonly self: NodeInfo;
  readonly settings: MeshSettings;
  readonly bounds: MeshLimits;
  readonly broadcasts: Broadcasts;
  readonly clock: Clock;
  readonly resolver: Resolver;
  /** Shares the registry of a root with other roots; absent: it is in this relay's memory only. */
  readonly replicate?: (registry: Registry) => ReplicatedRegistry | undefined;
  readonly events: MeshNodeEvents;
  readonly machine: MachineLoad;
  /** Revocations of other relays. */
  readonly revocations: RevocationWatcher;
  /** What tenants use here, so that their limits hold over all relays; absent: they hold at this relay alone. */
  readonly tenants?: TenantUsage | undefined;
  readonly probe?: MeshProbe;
}

/** One relay's part in the mesh: every part of `cluster/`, joined. Does no I/O but through `dial`, `resolver` and `replicate`. */
export class MeshNode {
  readonly self: NodeInfo;
  readonly routes: RouteTable;
  readonly peers: PeerLinks;
  readonly control: ControlClient;
  readonly rootless: Rootless;
  readonly broadcasts: MeshBroadcasts;
  /** Absent where this relay is no root. */
  readonly root: Root | undefined;
  /** Divides the limits of tenants; absent where no root is configured. */
  readonly tenants: TenantDesk | undefined;
  readonly sources: MeshSources;
  readonly #deps: MeshNodeDeps;
  readonly #sessions: MeshSessions;
  readonly #discovery: Discovery;
  readonly #externals: ExternalRelays;
  /** Names of the relays that are known by configuration. */
  #static: ReadonlySet<string> = new Set();
  #namesakes = 0;
  readonly #topology: Topology;

  constructor(deps: MeshNodeDeps) {
    const { self, settings, clock, random, events } = deps;
    this.#deps = deps;
    this.self = self;
    this.#sessions = new MeshSessions({ ...deps, roots: settings.roots });
    this.peers = new PeerLinks({
      clock,
      random,
      lingerMs: settings.lingerMs,
      probeAfterMs: settings.probeAfterMs,
      heartbeatMs: settings.heartbeatMs,
      metrics: deps.broadcasts.counters,
      suspected: events.relaySuspected,
      answered: events.relayAnswers,
      dial: async (node, on) => await this.#dialPeer(node, on),
      changed: (node) => {
        this.routes.healthChanged(node);
        this.broadcasts.nodesChanged();
      },
    });
    const peers = deps.probe?.peers(this.peers) ?? this.peers;
    const { counters } = deps.broadcasts;
    this.sources = new MeshSources({ role: self.role, clock, peers, counters, settings });
    const clocks = this.#makeClocks();
    this.routes = new RouteTable({
      self,
      clocks,
      regions: settings.regions,
      hashDepth: settings.hashDepth,
      clock,
      wallNow: deps.wallNow,
      rampMs: settings.rampMs,
      returnMs: settings.returnMs,
      health: (node) => this.peers.health(node),
      changed: (path) => this.broadcasts.changed(path),
      nodesChanged: () => this.#nodesChanged(),
      restarted: (node) => this.peers.forgive(node),
    });
    this.root = settings.isRoot ? this.#makeRoot(clocks) : undefined;
    this.tenants = this.#makeTenants();
    this.control = this.#makeControl();
    this.rootless = this.#makeRootless();
    this.broadcasts = this.#makeBroadcasts(clocks);
    this.#topology = this.#makeTopology();
    this.#discovery = this.#makeDiscovery();
    this.#externals = new ExternalRelays({
      clock,
      random,
      dial: (url, gone) => this.#sessions.external(url, this.broadcasts.announcements, gone),
      events,
    });
  }

  /** Other relays that were found to have this relay's name. */
  get namesakes(): number {
    return this.#namesakes;
  }

  /** To be called once the relay accepts sessions itself. */
  start(): void {
    const { peers, externals } = this.#deps.settings;
    this.learn(peers);
    this.root?.start();
    this.#discovery.start();
    this.control.start();
    for (const url of externals) this.#externals.connect(url);
    if (this.control.known > 0) this.#topology.start();
  }

  /** Replaces the relays that are known by configuration, each as `NAME ROLE REGION URL`. */
  learn(lines: readonly string[]): void {
    const peers = new Map(staticPeers(lines).map((peer) => [peer.node, peer]));
    for (const node of this.#static) if (!peers.has(node)) this.routes.nodeGone(node, "static");
    for (const peer of peers.values()) this.routes.node(peer, "static");
    this.#static = new Set(peers.keys());
  }

  /** What an admitted session may do. Throws `MeshRefusal`. */
  sessionPolicy(info: LinkInfo, visitor: Visitor): SessionPolicy {
    const { root } = this;
    const deps = {
      limits: this.#deps.limits,
      announcements: this.broadcasts.announcements,
      control: root && ((options: Parameters<Root["control"]>[0]) => root.control(options)),
      roleOf: (node: string) => this.routes.get(node)?.role,
      servesRegional: this.routes.servesRegional.bind(this.routes),
      firstHand: (path: string) => this.broadcasts.firstHand(path),
    };
    return meshSessionPolicy(deps, info, visitor);
  }

  /** This relay revoked something, or a revocation of it has ended: all relays of the mesh obey. */
  revoked(revocation: Omit<MeshRevocation, "node">, inForce: boolean): void {
    const own = { ...revocation, node: this.self.node };
    if (inForce) this.control.revoke(own);
    else this.control.endRevocation(own);
  }

  /**
   * An operator ends a revocation of another relay: at a root for the whole mesh, elsewhere for this relay alone. False at a root to which
   * that relay reports it now, so that it has to be ended there.
   */
  endRevocation(revocation: MeshRevocation): boolean {
    if (this.root?.registry.revocations.has(revocation) === true)
      return this.root.registry.revocations.drop(revocation);
    this.control.forgetRevocation(revocation);
    return true;
  }

  /** Other relays open nothing new here from now on, and move what they take from here elsewhere. */
  drain(): void {
    this.#topology.setDraining(true);
  }

  /** Takes back {@link drain}. */
  undrain(): void {
    this.#topology.setDraining(false);
  }

  /** Withdraws the relay and its broadcasts from the roots, so that no root keeps them for a lease. Comes before `close`. */
  leave(): void {
    this.control.leave();
  }

  /** A viewer has come, as {@link Topology.viewer} has it. */
  viewer(address: string, leave: (url: string) => boolean): void {
    this.#topology.viewer(address, leave);
  }

  /** Names of `dns` that could not be resolved in the last round. */
  get unresolved(): string[] {
    return this.#discovery.failing;
  }

  /** The id in the logs of the open link to a relay. */
  linkId(node: string): string | undefined {
    const session = this.peers.session(node);
    return session && this.#sessions.idOf(session);
  }

  /** Links to other relays that are open for media. */
  get links(): LoadLink[] {
    return this.peers.up.map((node) => {
      const rttMs = this.peers.session(node)?.figures().rttMs;
      return rttMs === undefined ? { node } : { node, rttMs: Math.round(rttMs * 10) / 10 };
    });
  }

  /** Ends everything at once. Without `leave` before it, the mesh sees a relay that is lost. */
  close(): void {
    this.#topology.close();
    this.routes.close();
    this.tenants?.close();
    this.#discovery.close();
    this.control.close();
    this.broadcasts.close();
    this.sources.close();
    this.peers.close();
    this.#externals.close();
    this.#sessions.close();
    this.root?.close();
  }

  #nodesChanged(): void {
    this.#topology.nodesChanged();
    this.broadcasts.nodesChanged();
  }

  #makeTopology(): Topology {
    const { broadcasts, wallNow } = this.#deps;
    return new Topology({
      ...this.#deps,
      counters: broadcasts.counters,
      routes: this.routes,
      control: this.control,
      registered: () => this.broadcasts.counts.registered,
      links: () => this.links,
      reported: () => {
        const seconds = wallNow() / 1000;
        this.root?.registry.revocations.sweep(seconds);
        this.control.sweepRevocations(seconds);
      },
    });
  }

  async #dialPeer(node: string, on: SessionEvents): Promise<Session> {
    const info = this.routes.get(node);
    if (info === undefined || info.url === "") throw new Error(`the URL of the relay ${node} is not known`);
    return await this.#sessions.peer(info, { ...on, met: (hop) => this.routes.met(node, hop) });
  }

  #makeClocks(): ClockBound {
    const { clock, wallNow, broadcasts, events } = this.#deps;
    const { boundsHit } = broadcasts.counters;
    const refused = () => {
      boundsHit.mesh_clock_ahead++;
    };
    return new ClockBound({ clock, wallNow, refused, report: events.clockAhead });
  }

  #makeRoot(clocks: ClockBound): Root {
    const { self, settings, bounds, clock, replicate, events } = this.#deps;
    const { leaseMs } = settings;
    return new Root({ self, clock, clocks, leaseMs, namesakeMs: this.#namesakeMs, limits: bounds, replicate, events });
  }

  /** A relay whose silence is noticed later is also missed later. */
  get #namesakeMs(): number {
    return Math.max(SETTLE_MS, 2 * this.#deps.settings.peerTimeoutMs);
  }

  #makeControl(): ControlClient {
    const { settings, clock, random, events } = this.#deps;
    const { root } = this;
    return new ControlClient({
      clock,
      random,
      self: this.self,
      roots: settings.roots,
      ...(root && { local: () => root.local() }),
      dial: (url, table, gone, renew) =>
        this.#sessions.root(url, { table, gone, renew, itself: () => this.control.itself(url) }),
      namesakeMs: this.#namesakeMs,
      namesake: (info) => {
        this.#namesakes++;
        events.namesake(info, this.control.nameTaken);
      },
      leaseMs: settings.leaseMs,
      unreachable: events.rootUnreachable,
      cut: events.answerCut,
      revocations: this.#deps.revocations,
      revocationRefused: () => {
        this.#deps.broadcasts.counters.boundsHit.mesh_revocations++;
      },
      defect: events.controlDefect,
      grants: this.tenants,
      rooted: (up) => {
        this.tenants?.rooted(up);
        this.rootless.rooted(up);
      },
    });
  }

  #makeTenants(): TenantDesk | undefined {
    const { tenants: usage, settings, clock, broadcasts } = this.#deps;
    if (usage === undefined || (settings.roots.length === 0 && !settings.isRoot)) return undefined;
    return new TenantDesk({
      clock,
      usage,
      report: (report, before) => this.control.reportTenant(report, before),
      withdraw: (report) => this.control.withdrawTenant(report),
      relays: () => this.routes.counts.nodes + 1,
      refused: () => {
        broadcasts.counters.boundsHit.mesh_tenants++;
      },
    });
  }

  #makeRootless(): Rootless {
    const { settings, clock, broadcasts, events } = this.#deps;
    const { roots, peers, dns, leaseMs } = settings;
    const alone = roots.length + peers.length + dns.length === 0;
    return new Rootless({
      clock,
      alone,
      links: this.peers,
      table: this.routes,
      leaseMs,
      refused: (bound) => {
        broadcasts.counters.boundsHit[bound]++;
      },
      activeChanged: (asking) => {
        // A root that knows no other relay has none to ask.
        if (!alone) events.rootless(asking, this.#sessions.trouble);
      },
    });
  }

  #makeBroadcasts(clocks: ClockBound): MeshBroadcasts {
    const { self, settings, bounds, broadcasts, clock, wallNow, probe } = this.#deps;
    const { lingerMs, redundant, cost } = settings;
    return new MeshBroadcasts({
      self,
      broadcasts,
      clock,
      wallNow,
      registrar: probe?.registrar(this.control) ?? this.control,
      table: this.routes,
      clocks,
      rootless: this.rootless,
      links: this.peers,
      lingerMs,
      maxScopes: bounds.scopes,
      redundant,
      cost,
      source: (on) => this.sources.make(on),
      refused: (bound) => {
        broadcasts.counters.boundsHit[bound]++;
      },
    });
  }

  #makeDiscovery(): Discovery {
    const { settings, clock, random, resolver, broadcasts, events } = this.#deps;
    return new Discovery({
      clock,
      random,
      entries: settings.dns,
      resolver,
      intervalMs: settings.dnsIntervalMs,
      identify: (info) => this.#sessions.identify(info),
      table: this.routes,
      refused: () => {
        broadcasts.counters.boundsHit.mesh_dns_relays++;
      },
      warn: events.dnsTrouble,
      unreachable: events.notIdentified,
    });
  }
}
