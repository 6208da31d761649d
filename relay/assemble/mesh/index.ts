import { randomUUID } from "node:crypto";
import type { NodeInfo } from "../../../cluster/contract.ts";
import { ControlClient } from "../../../cluster/control/client.ts";
import { Mesh } from "../../../cluster/mesh.ts";
import { PeerLinks } from "../../../cluster/peers/links.ts";
import { staticPeers } from "../../../cluster/peers/static.ts";
import { RedisBackend, redisChannel } from "../../../cluster/registry/redis/backend.ts";
import { Registry } from "../../../cluster/registry/registry.ts";
import { SharedRegistry } from "../../../cluster/registry/sharing.ts";
import { RootTable } from "../../../cluster/root/table.ts";
import { RouteTable } from "../../../cluster/routes/table.ts";
import { MeshSource, type SpliceCounters } from "../../../cluster/splice/index.ts";
import type { Clock } from "../../clock.ts";
import { type RedisAddress, redisAddress } from "../../config/registry.ts";
import type { Config } from "../../config.ts";
import type { ClusterView } from "../../http/view.ts";
import type { Logger } from "../../log.ts";
import type { Origin } from "../../model/origin.ts";
import {
  type AnnounceTable,
  type ChannelRegistry,
  liteSession,
  openAccess,
  protocols,
  type Session,
  type SessionDeps,
  type SessionLimits,
} from "../../session/index.ts";
import type { Engine } from "../../transport/contract.ts";
import type { DecideTerms } from "../sessions.ts";
import { meshCredentials } from "./credentials.ts";
import { MeshDialler, type SessionStart } from "./dial.ts";
import { dialRedis } from "./redis.ts";
import { meshLimits, meshTerms } from "./terms.ts";
import { clusterView } from "./view.ts";

/** Scopes that a relay asks the roots for: prefixes and paths that its sessions watch. */
const MAX_SCOPES = 8_192;
/** What a root remembers: a mesh of that size needs half a gigabyte for it. */
const MAX_NODES = 10_000;
const MAX_HOLDINGS = 2_000_000;
/** Milliseconds between two reports of this relay's load to the roots. */
const LOAD_INTERVAL_MS = 5_000;
/** First and longest wait between two dials of a relay outside the mesh, in milliseconds. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;

export interface MeshRuntimeDeps {
  readonly config: Config["cluster"];
  readonly origin: Origin;
  readonly clock: Clock;
  readonly wallNow: () => number;
  readonly channels: ChannelRegistry;
  readonly hop: bigint;
  readonly limits: SessionLimits;
  readonly log: Logger;
  readonly quic: Engine;
  readonly websocket: Engine;
}

/** A relay's part in its mesh. */
export class MeshRuntime {
  readonly terms: DecideTerms;
  readonly #deps: MeshRuntimeDeps;
  readonly #self: NodeInfo;
  readonly #dialler: MeshDialler;
  readonly #table: RouteTable;
  readonly #peers: PeerLinks;
  readonly #control: ControlClient;
  readonly #mesh: Mesh;
  readonly #registry: Registry | undefined;
  readonly #shared: SharedRegistry | undefined;
  readonly #counters: SpliceCounters = { failovers: 0, splices: 0, groupsResumed: 0, groupsLost: 0 };
  readonly #strangers = new Set<Session>();
  #cancelLoad = () => {};
  #closed = false;

  /** Rejects with a `TransportError` naming a file of `[cluster]` that cannot be used. */
  static async open(deps: MeshRuntimeDeps): Promise<MeshRuntime | undefined> {
    const { config, wallNow } = deps;
    if (config.node === undefined) return undefined;
    return new MeshRuntime(deps, config.node, await meshCredentials(config, wallNow));
  }

  private constructor(deps: MeshRuntimeDeps, node: string, credentials: Awaited<ReturnType<typeof meshCredentials>>) {
    const { config, origin, clock, wallNow, hop, limits, log } = deps;
    const { role, region, url = "", publicUrl = url } = config;
    this.#deps = deps;
    this.#self = { node, hop, role, region, url, publicUrl, draining: false, startedAt: wallNow() };
    this.#dialler = new MeshDialler({
      clock,
      credentials,
      self: this.#self,
      quic: deps.quic,
      websocket: deps.websocket,
      peerTimeoutMs: config.peerTimeout,
      heartbeatMs: config.heartbeat,
      queueMark: meshLimits(limits).queueMark,
    });
    this.#peers = new PeerLinks({
      clock,
      random: Math.random,
      lingerMs: config.linger,
      dial: (name, on) => this.#dialPeer(name, on),
      changed: () => this.#mesh.nodesChanged(),
    });
    this.#table = new RouteTable({
      self: this.#self,
      health: (name) => this.#peers.health(name),
      changed: (path) => this.#mesh.changed(path),
      nodesChanged: () => this.#mesh.nodesChanged(),
    });
    this.#control = new ControlClient({
      clock,
      random: Math.random,
      self: this.#self,
      roots: config.root,
      dial: (root, table, gone) => this.#dialRoot(root, table, gone),
      leaseMs: config.lease,
      warn: (message, err) => log.warn({ err }, message),
    });
    this.#mesh = new Mesh({
      self: this.#self,
      origin,
      clock,
      wallNow,
      registrar: this.#control,
      table: this.#table,
      lingerMs: config.linger,
      maxScopes: MAX_SCOPES,
      redundant: config.redundant,
      cost: config.cost,
      source: (on) =>
        new MeshSource({ clock, peers: this.#peers, holdMs: config.hold, counters: this.#counters, ...on }),
      refused: (bound) => {
        origin.counters.boundsHit[bound]++;
      },
    });
    const isRoot = role === "root" || config.serveRoot;
    this.#registry = isRoot
      ? new Registry({ clock, leaseMs: config.lease, maxNodes: MAX_NODES, maxHoldings: MAX_HOLDINGS })
      : undefined;
    const registry = this.#registry;
    const redis = redisAddress(config.registry ?? "memory");
    if (registry !== undefined && redis !== undefined) this.#shared = this.#share(registry, redis);
    const terms = {
      limits,
      announcements: this.#mesh.announcements,
      firstHand: (path: string) => this.#mesh.firstHand(path),
      control: registry && (() => new RootTable(registry)),
    };
    this.terms = (info, admission) => meshTerms(terms, info, admission);
  }

  /** Once the relay takes sessions itself. */
  start(): void {
    for (const peer of staticPeers(this.#deps.config.peers)) this.#table.node(peer, "static");
    this.#shared?.start();
    this.#control.start();
    for (const url of this.#deps.config.connect) this.#connect(url, FIRST_WAIT_MS);
    if (this.#deps.config.root.length > 0) this.#tellLoad();
  }

  /** Why it is not of use yet, as stable names. A root that is gone changes nothing for what flows, so the first one counts. */
  reasons(): string[] {
    return this.#deps.config.root.length > 0 && !this.#control.reached ? ["no_root"] : [];
  }

  view(): ClusterView {
    return clusterView({
      self: this.#self,
      registry: this.#registry,
      shared: this.#shared,
      table: this.#table,
      mesh: this.#mesh,
      peers: this.#peers,
      control: this.#control,
      roots: this.#deps.config.root.length,
      counters: this.#counters,
    });
  }

  /** Nobody comes here anew from now on, and those who take something from here go elsewhere. */
  drain(): void {
    this.#control.inform({ ...this.#self, draining: true });
  }

  /** Where viewers are to go instead; empty when nobody knows a place. */
  refuge(): string {
    return this.#deps.config.redirect ?? this.#table.refuge()?.publicUrl ?? "";
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelLoad();
    this.#control.leave();
    this.#control.close();
    this.#mesh.close();
    this.#peers.close();
    for (const session of this.#strangers) session.close(0, "");
    this.#shared?.close();
    this.#registry?.close();
  }

  #share(registry: Registry, address: RedisAddress): SharedRegistry {
    const { clock, log, config } = this.#deps;
    const { host, port, database } = address;
    const where = { host, port, database };
    const backend = new RedisBackend({
      clock,
      random: Math.random,
      dial: dialRedis(address),
      writer: randomUUID(),
      unique: randomUUID,
      channel: redisChannel(database),
    });
    const told = (up: boolean, reason: string) => {
      if (up) log.info(where, "the registry's Redis is there");
      else log.warn({ ...where, reason }, "the registry's Redis is gone; what is known is told on");
    };
    return new SharedRegistry({ registry, backend, clock, leaseMs: config.lease, told });
  }

  #tellLoad(): void {
    const { sessionsActive: sessions, subscriptionsActive: subscriptions } = this.#deps.origin.counters;
    this.#control.setLoad({ sessions, subscriptions });
    this.#cancelLoad = this.#deps.clock.timer(LOAD_INTERVAL_MS, () => this.#tellLoad());
  }

  async #dialPeer(node: string, on: { gone: () => void; leaving: () => void }): Promise<Session> {
    const { log } = this.#deps;
    const info = this.#table.get(node);
    if (info === undefined || info.url === "") throw new Error(`nobody knows where the relay ${node} is`);
    try {
      const session = await this.#dialler.node(info, this.#start({ access: NOTHING, leaving: on.leaving }, on.gone));
      log.info({ node, protocol: session.info.protocol }, "relay reached");
      return session;
    } catch (err) {
      // Tried again with back-off for as long as something is to be had there.
      log.warn({ err, node }, "a relay cannot be reached");
      throw err;
    }
  }

  #dialRoot(root: string, table: AnnounceTable, gone: () => void): Promise<Session> {
    return this.#dialler.root(root, this.#start({ access: openAccess(""), table, announcePrefix: "" }, gone));
  }

  /** Keeps a session with a relay outside the mesh, both ways. */
  #connect(url: string, waitMs: number): void {
    const { log, clock } = this.#deps;
    const again = (wait: number) => {
      if (this.#closed) return;
      clock.timer(wait * (0.5 + Math.random() / 2), () => {
        if (!this.#closed) this.#connect(url, Math.min(LONGEST_WAIT_MS, wait * 2));
      });
    };
    const { host } = new URL(url);
    let session: Session | undefined;
    const gone = () => {
      if (session === undefined) return;
      this.#strangers.delete(session);
      again(FIRST_WAIT_MS);
    };
    const terms = { access: openAccess(""), table: this.#mesh.announcements, announcePrefix: "" };
    this.#dialler.stranger(url, protocols([]), this.#start(terms, gone)).then(
      (started) => {
        session = started;
        this.#strangers.add(started);
        log.info({ host, protocol: started.info.protocol }, "relay outside the mesh reached");
      },
      (err: unknown) => {
        log.warn({ err, host }, "a relay outside the mesh cannot be reached; trying again");
        again(waitMs);
      },
    );
  }

  #start(
    terms: Pick<SessionDeps, "access"> & Partial<Pick<SessionDeps, "table" | "announcePrefix" | "leaving">>,
    gone: () => void,
  ): SessionStart {
    const { origin, clock, channels, hop, limits, log } = this.#deps;
    return (started) =>
      liteSession(
        {
          origin,
          clock,
          channels,
          hop,
          limits: meshLimits(limits),
          ...terms,
          defect: (err) => log.error({ err }, "a defect in a session with a relay"),
          closed: ({ reason, message, info }) => {
            log.info({ reason, text: message, host: info.authority }, "session with a relay closed");
            gone();
          },
        },
        started,
      );
  }
}

/** A relay that we dialled for media has nothing to get from us. */
const NOTHING: SessionDeps["access"] = {
  root: "",
  subscribes: false,
  mayPublish: () => true,
  maySubscribe: () => false,
  watchable: () => [],
};
