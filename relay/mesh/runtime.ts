import {
  type ClockBound,
  ControlClient,
  Discovery,
  type DnsEntry,
  dnsEntries,
  FAILOVER_METRICS,
  type FailoverCounters,
  type LinkEvents,
  Mesh,
  MeshSource,
  type NodeInfo,
  PeerLinks,
  patienceOf,
  type Resolver,
  Rootless,
  RouteTable,
  staticPeers,
} from "../../cluster/index.ts";
import type { Clock } from "../../moq/clock.ts";
import { type Engine, TransportError } from "../../moq/link.ts";
import type { Broadcasts } from "../../moq/model/index.ts";
import type { ChannelRegistry, Session, SessionLimits } from "../../moq/session/index.ts";
import type { Config } from "../config/index.ts";
import { type DecideSessionPolicy, type Defects, meshFault } from "../host/index.ts";
import type { ClusterView } from "../http/index.ts";
import type { Logger } from "../log/index.ts";
import { type MeshCredentials, meshCredentials } from "./credentials.ts";
import { ExternalRelays } from "./external-relays.ts";
import { clockBound, Root, settleMs } from "./root.ts";
import { meshSessionPolicy } from "./session-policy.ts";
import { MeshSessions } from "./sessions.ts";
import { facts, whyUnreachable } from "./unreachable.ts";
import { attachMesh, clusterView } from "./view.ts";

/** Scopes that a relay asks the roots for: prefixes and paths that its sessions watch. */
const MAX_SCOPES = 8_192;
/** Milliseconds between two reports of this relay's load to the roots. */
const LOAD_INTERVAL_MS = 5_000;

export interface MeshRuntimeDeps {
  readonly config: Config["cluster"];
  readonly broadcasts: Broadcasts;
  readonly clock: Clock;
  readonly wallNow: () => number;
  readonly channels: ChannelRegistry;
  readonly hop: bigint;
  readonly limits: SessionLimits;
  readonly log: Logger;
  readonly defects: Defects;
  readonly quic: Engine;
  readonly websocket: Engine;
  readonly resolver: Resolver;
}

/** A relay's part in its mesh. */
export class MeshRuntime {
  readonly terms: DecideSessionPolicy;
  /** Reads the authorities of `[cluster] ca` again, for new connections. True when they have changed. */
  readonly reloadTrust: () => Promise<boolean>;
  readonly #deps: MeshRuntimeDeps;
  readonly #self: NodeInfo;
  readonly #sessions: MeshSessions;
  readonly #table: RouteTable;
  readonly #peers: PeerLinks;
  readonly #control: ControlClient;
  readonly #tiers: Rootless;
  readonly #discovery: Discovery;
  readonly #mesh: Mesh;
  readonly #root: Root | undefined;
  readonly #counters: FailoverCounters;
  readonly #strangers: ExternalRelays;
  /** Relays that are known by configuration. */
  #static: ReadonlySet<string> = new Set();
  #redirect: string | undefined;
  /** Other relays that were found to have this relay's name. */
  #namesakes = 0;
  #cancelLoad = () => {};
  #closed = false;

  /** Rejects with a `TransportError` naming what of `[cluster]` cannot be used. */
  static async open(deps: MeshRuntimeDeps): Promise<MeshRuntime | undefined> {
    const { config, wallNow } = deps;
    if (config.node === undefined) return undefined;
    const entries = dnsEntries(config.dns);
    const fault = meshFault(deps.quic, config);
    if (fault !== undefined) throw new TransportError("cluster_unusable", `${fault.key}: ${fault.message}`);
    return new MeshRuntime(deps, config.node, entries, await meshCredentials(config, wallNow));
  }

  private constructor(deps: MeshRuntimeDeps, node: string, entries: readonly DnsEntry[], credentials: MeshCredentials) {
    const { config, broadcasts, clock, wallNow, hop, limits, log } = deps;
    const { role, region, url = "", publicUrl = url } = config;
    this.#deps = deps;
    this.#redirect = config.redirect;
    this.#counters = broadcasts.counters.numbers(FAILOVER_METRICS);
    this.reloadTrust = () => credentials.reload();
    this.#self = { node, hop, role, region, url, publicUrl, draining: false, startedAt: wallNow() };
    this.#sessions = new MeshSessions({ ...deps, credentials, self: this.#self });
    this.#peers = new PeerLinks({
      clock,
      random: Math.random,
      lingerMs: config.lingerMs,
      dial: async (name, on) => await this.#dialPeer(name, on),
      changed: () => this.#mesh.nodesChanged(),
    });
    const clocks = clockBound({ clock, wallNow, log, counters: broadcasts.counters });
    this.#table = new RouteTable({
      self: this.#self,
      clocks,
      regions: config.regions,
      health: (name) => this.#peers.health(name),
      changed: (path) => this.#mesh.changed(path),
      nodesChanged: () => this.#mesh.nodesChanged(),
      restarted: (name) => this.#peers.forgive(name),
    });
    const isRoot = role === "root" || config.serveRoot;
    this.#root = isRoot ? new Root({ config, clock, log, clocks, self: this.#self }) : undefined;
    this.#control = this.#makeControl();
    this.#tiers = this.#makeTiers();
    this.#mesh = this.#makeMesh(clocks);
    this.#discovery = this.#discover(entries);
    this.#strangers = new ExternalRelays({
      clock,
      random: Math.random,
      log,
      dial: (url, gone) => this.#sessions.stranger(url, this.#mesh.announcements, gone),
    });
    const { announcements } = this.#mesh;
    const firstHand = (path: string) => this.#mesh.firstHand(path);
    const root = this.#root;
    const control = root && ((options: Parameters<Root["control"]>[0]) => root.control(options));
    const roleOf = (name: string) => this.#table.get(name)?.role;
    const terms = { limits, announcements, firstHand, control, roleOf };
    this.terms = (info, admission) => meshSessionPolicy(terms, info, admission);
    attachMesh(broadcasts.counters, () => this.view(), root?.shared?.counters);
  }

  /** Once the relay takes sessions itself. */
  start(): void {
    this.#know(this.#deps.config.peers);
    this.#root?.shared?.start();
    this.#discovery.start();
    this.#control.start();
    for (const url of this.#deps.config.connect) this.#strangers.connect(url);
    if (this.#control.known > 0) this.#tellLoad();
  }

  /** Goes by what of `[cluster]` may change while it runs. */
  reconfigure({ peers, redirect }: Config["cluster"]): void {
    this.#redirect = redirect;
    this.#know(peers);
  }

  /** Who this relay is, for the log. */
  get place(): { node: string; role: string; region: string; roots: readonly string[] } {
    const { node, role, region } = this.#self;
    return { node, role, region, roots: this.#deps.config.root };
  }

  /** Why it is not of use yet, as stable names. A root that is gone changes nothing for what flows, so the first one counts. */
  reasons(): string[] {
    const rootless = this.#deps.config.root.length > 0 && !this.#control.reached;
    return [...(rootless ? ["no_root"] : []), ...(this.#control.nameTaken ? ["node_taken"] : [])];
  }

  view(): ClusterView {
    return clusterView({
      self: this.#self,
      root: this.#root,
      table: this.#table,
      mesh: this.#mesh,
      tiers: this.#tiers,
      peers: this.#peers,
      control: this.#control,
      counters: this.#counters,
      namesakes: this.#namesakes,
    });
  }

  /** Nobody comes here anew from now on, and those who take something from here go elsewhere. */
  drain(): void {
    this.#control.inform({ ...this.#self, draining: true });
  }

  /** Where viewers are to go instead; empty when nobody knows a place. */
  refuge(): string {
    return this.#redirect ?? this.#table.refuge()?.publicUrl ?? "";
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelLoad();
    this.#discovery.close();
    this.#control.leave();
    this.#control.close();
    this.#mesh.close();
    this.#peers.close();
    this.#strangers.close();
    this.#root?.shared?.close();
    this.#root?.registry.close();
  }

  /** `lines` name all relays that are known by configuration. */
  #know(lines: readonly string[]): void {
    const peers = new Map(staticPeers(lines).map((peer) => [peer.node, peer]));
    for (const node of this.#static) if (!peers.has(node)) this.#table.nodeGone(node, "static");
    for (const peer of peers.values()) this.#table.node(peer, "static");
    this.#static = new Set(peers.keys());
  }

  #tellNamesake({ node, url }: NodeInfo): void {
    this.#namesakes++;
    const other = url === "" ? "another relay" : `the relay at ${url}`;
    const which = this.#control.nameTaken ? "it is registered and this one is not" : "this one is registered";
    this.#deps.log.warn(
      { code: "node_twice", node, url },
      `${other} has the name ${node} as well, and ${which}: give each relay a name of its own ([cluster] node)`,
    );
  }

  #tellLoad(): void {
    const { sessionsActive: sessions, subscriptionsActive: subscriptions } = this.#deps.broadcasts.counters;
    this.#control.setLoad({ sessions, subscriptions });
    this.#cancelLoad = this.#deps.clock.timer(LOAD_INTERVAL_MS, () => this.#tellLoad());
  }

  async #dialPeer(node: string, on: LinkEvents): Promise<Session> {
    const info = this.#table.get(node);
    if (info === undefined || info.url === "") throw new Error(`nobody knows where the relay ${node} is`);
    return await this.#sessions.peer(info, { ...on, met: (hop) => this.#table.met(node, hop) });
  }

  #makeControl(): ControlClient {
    const { config, clock, log, defects } = this.#deps;
    const root = this.#root;
    return new ControlClient({
      clock,
      random: Math.random,
      self: this.#self,
      roots: config.root,
      ...(root && { local: () => root.local() }),
      dial: (url, table, gone, renew) =>
        this.#sessions.root(url, { table, gone, renew, itself: () => this.#control.itself(url) }),
      settleMs: settleMs(config),
      namesake: (info) => this.#tellNamesake(info),
      leaseMs: config.leaseMs,
      unreachable: (url, error) => {
        log.warn({ root: url, ...facts(error) }, `the root ${url} ${whyUnreachable(error)}; trying again`);
      },
      cut: (prefix, reason) => {
        log.warn(
          { prefix, reason },
          "the root cut its list of relays and broadcasts; asking for it again after the lease",
        );
      },
      defect: (error) => defects.report("in the session with this root itself", error),
      rooted: (up) => this.#tiers.rooted(up),
    });
  }

  #makeMesh(clocks: ClockBound): Mesh {
    const { config, broadcasts, clock, wallNow } = this.#deps;
    return new Mesh({
      self: this.#self,
      broadcasts,
      clock,
      wallNow,
      registrar: this.#control,
      table: this.#table,
      clocks,
      tiers: this.#tiers,
      lingerMs: config.lingerMs,
      maxScopes: MAX_SCOPES,
      redundant: config.redundant,
      cost: config.cost,
      source: (on) =>
        new MeshSource({
          clock,
          peers: this.#peers,
          ...patienceOf(config.role, config.holdMs),
          counters: this.#counters,
          ...on,
        }),
      refused: (bound) => {
        broadcasts.counters.boundsHit[bound]++;
      },
    });
  }

  #makeTiers(): Rootless {
    const { config, broadcasts, clock, log } = this.#deps;
    const alone = config.root.length + config.peers.length + config.dns.length === 0;
    return new Rootless({
      clock,
      alone,
      links: this.#peers,
      table: this.#table,
      leaseMs: config.leaseMs,
      refused: (bound) => {
        broadcasts.counters.boundsHit[bound]++;
      },
      told: (asking) => {
        // A root that knows nobody else has nobody to ask, and nothing to say.
        if (alone) return;
        const { trouble } = this.#sessions;
        const why = trouble.length === 0 ? "" : ` (${trouble.join("; ")})`;
        log.info(asking ? `no root can be asked${why}: asking along the tiers` : "a root can be asked again");
      },
    });
  }

  #discover(entries: readonly DnsEntry[]): Discovery {
    const { clock, resolver, config, log, broadcasts } = this.#deps;
    return new Discovery({
      clock,
      random: Math.random,
      entries,
      resolver,
      intervalMs: config.dnsIntervalMs,
      identify: (info) => this.#sessions.identify(info),
      table: this.#table,
      refused: () => {
        broadcasts.counters.boundsHit.mesh_dns_relays++;
      },
      warn: (message) => log.warn(message),
      unreachable: ({ node, url }, error) => {
        log.warn({ node, url, ...facts(error) }, `the relay ${node} at ${url} ${whyUnreachable(error)}; trying again`);
      },
    });
  }
}
